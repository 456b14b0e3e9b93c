/** The doctor's look at one case: its files, their grids, their values. */
import { compareGrids, spacing } from '@voxelwise/volume';
import type { Grid } from '@voxelwise/volume';
import type { CaseFiles, Dataset } from '../datasets/dataset.ts';
import { allowedValues } from '../datasets/label-set.ts';
import { readFromTree } from '../datasets/load-case.ts';
import type { DecodeOptions, DecodedVolume } from '../formats/format.ts';
import { agreementOf, classCenters } from './agreement.ts';
import type { Agreement } from './agreement.ts';
import { faultOf } from './fault.ts';
import type { Fault, FaultCode } from './fault.ts';
import { voxelFacts } from './voxel-facts.ts';
import type { VoxelFacts } from './voxel-facts.ts';

/** What the doctor remembers of a case to compare it with the others. */
export interface CaseFindings {
  readonly id: string;
  readonly faults: readonly Fault[];
  readonly grid: Grid | undefined;
  /** Per channel, over the channel's voxels. */
  readonly channels: readonly VoxelFacts[];
  readonly labels: VoxelFacts | undefined;
  /** How well the label fits the image. */
  readonly agreement: Agreement | undefined;
  /** Where each class of the label lies, RAS+ mm. */
  readonly centers: ReturnType<typeof classCenters>;
}

/** Above this a squared value leaves float32: variances become infinite. */
const LARGEST_SANE = 1e18;
/** Voxels; the fraction that `sameGrid` forgives. */
const POSITION_TOLERANCE = 0.1;
/** numpy.allclose's, which nnU-Net's integrity check uses. */
const sameSpacing = (a: readonly number[], b: readonly number[]): boolean =>
  a.every((v, i) => Math.abs(v - b[i]!) <= 1e-8 + 1e-5 * Math.abs(b[i]!));

/** `isTraining`: a label is expected. */
export async function examineCase(dataset: Dataset, files: CaseFiles, isTraining: boolean): Promise<CaseFindings> {
  const { tree } = dataset;
  const faults: Fault[] = [];
  const say = (
    severity: Fault['severity'],
    code: FaultCode,
    path: string,
    message: string,
    fix: string,
    details?: Readonly<Record<string, unknown>>,
  ): void =>
    void faults.push({
      severity,
      code,
      file: tree.fullPath(path),
      message,
      fix,
      case: files.id,
      ...(details ? { details } : {}),
    });

  const images: { readonly path: string; readonly volume: DecodedVolume }[] = [];
  for (const path of files.images) {
    if (!(await tree.has(path)))
      say(
        'error',
        'missing-image',
        path,
        `The image of case ${files.id} does not exist.`,
        'Restore the file, or take the case out of the data set.',
      );
    else await read(path, {}, (volume) => images.push({ path, volume }));
  }
  const channels = examineImages();
  const first = images[0];
  let agreement: CaseFindings['agreement'];
  let centers: CaseFindings['centers'] = new Map();
  const labels = await examineLabel();
  return { id: files.id, faults, grid: first?.volume.grid, channels, labels, agreement, centers };

  async function read(path: string, how: DecodeOptions, use: (volume: DecodedVolume) => void): Promise<void> {
    try {
      const volume = await readFromTree(tree, path, { shear: 'refuse', kind: 'intensity', ...how });
      use(volume);
      for (const warning of volume.source.warnings)
        say(
          'warning',
          'file-oddity',
          path,
          warning.message,
          'Check the header; write the file anew with a current tool.',
          { code: warning.code },
        );
    } catch (error) {
      faults.push(faultOf(error, tree.fullPath(path), files.id));
    }
  }

  function examineImages(): readonly VoxelFacts[] {
    const found = images.reduce((sum, { volume }) => sum + volume.channels.length, 0);
    const path = files.images[0]!;
    if (images.length === files.images.length && found !== dataset.channels.length)
      say(
        'error',
        'channel-count',
        path,
        `Case ${files.id} has ${found} channel(s), the data set declares ${dataset.channels.length} (${dataset.channels.join(', ')}).`,
        found > dataset.channels.length
          ? 'Name every channel in the description, or keep only the declared ones.'
          : 'Add the missing channel files.',
        { found, expected: dataset.channels.length },
      );
    for (const { path: other, volume } of images.slice(1)) compareChannels(other, volume.grid);
    return images.flatMap(({ path: from, volume }) => {
      const count = volume.voxels.length / volume.channels.length;
      return volume.channels.map((_, c) => {
        const facts = voxelFacts(volume.voxels.subarray(c * count, (c + 1) * count));
        examineIntensities(from, facts, volume.channels.length === 1 ? undefined : volume.channels[c]);
        return facts;
      });
    });
  }

  function compareChannels(path: string, grid: Grid): void {
    const difference = compareGrids(images[0]!.volume.grid, grid);
    const [a, b] = difference.spacingMm;
    if (!difference.sameShape)
      say(
        'error',
        'channel-shape',
        path,
        `This channel is [${grid.shape.join(', ')}] voxels, the first one [${images[0]!.volume.grid.shape.join(', ')}].`,
        'Resample the channels onto one grid.',
      );
    else if (!sameSpacing(a, b))
      say(
        'error',
        'channel-spacing',
        path,
        `This channel's voxels are [${b.join(', ')}] mm, the first one's [${a.join(', ')}] mm (z, y, x).`,
        'Resample the channels onto one grid, or repair the header.',
      );
    else if (difference.cornerVoxels > POSITION_TOLERANCE)
      say(
        'warning',
        'channel-position',
        path,
        `This channel lies up to ${difference.cornerMm.toPrecision(3)} mm away from the first one.`,
        'Register the channels, or copy the right header.',
        { cornerMm: difference.cornerMm },
      );
  }

  /** `channel`: its name, where a file holds several. */
  function examineIntensities(path: string, facts: VoxelFacts, channel: string | undefined): void {
    const bad = facts.nan + facts.infinite;
    if (bad > 0)
      say(
        'error',
        'image-not-finite',
        path,
        `${facts.nan} voxel(s) are NaN and ${facts.infinite} infinite, of ${facts.count}.`,
        'Replace them, for example by 0, and find out where they came from.',
        { nan: facts.nan, infinite: facts.infinite },
      );
    if (bad < facts.count && facts.min === facts.max)
      say(
        'warning',
        'image-constant',
        path,
        `Every voxel${channel === undefined ? '' : ` of the channel ${channel}`} is ${facts.min}.`,
        channel === 'alpha'
          ? 'Nothing to do: an opaque picture; the channel teaches nothing and costs little.'
          : 'Check whether the right image was exported; there is nothing to learn from it.',
      );
    const largest = Math.max(Math.abs(facts.min), Math.abs(facts.max));
    if (bad < facts.count && largest > LARGEST_SANE)
      say(
        'warning',
        'image-outlier',
        path,
        `The values run from ${facts.min} to ${facts.max}.`,
        'Clip the outlier; it makes the normalized image vanish.',
        { min: facts.min, max: facts.max },
      );
  }

  async function examineLabel(): Promise<VoxelFacts | undefined> {
    const path = files.label;
    if (path === undefined) {
      if (isTraining)
        say(
          'error',
          'missing-label',
          files.images[0]!,
          `The training case ${files.id} has no label.`,
          'Add its label or take the case out of training.',
        );
      return undefined;
    }
    if (!(await tree.has(path))) {
      say(
        'error',
        'missing-label',
        path,
        `The label of case ${files.id} does not exist.`,
        'Restore the file, or take the case out of the data set.',
      );
      return undefined;
    }
    let facts: VoxelFacts | undefined;
    await read(path, { palette: 'indices' }, (label) => {
      if (label.source.format === 'jpeg')
        say(
          'error',
          'label-lossy',
          path,
          'The label is a JPEG picture, whose packing changes values.',
          'Export it again as PNG or TIFF, or as a volume.',
        );
      else if (label.channels.length > 1)
        say(
          'error',
          'label-4d',
          path,
          `The label has ${label.channels.length} volumes or colors; one number per voxel was expected.`,
          label.channels.includes('red')
            ? 'The label is a picture in colors: write for each color the number of its label.'
            : 'Merge the volumes into one label map.',
        );
      else {
        if (first) compareLabel(path, label.grid, first.volume.grid);
        facts = voxelFacts(label.voxels);
        examineValues(path, facts);
        agreement = agreementWith(label);
        centers = classCenters(label.voxels, label.grid);
      }
    });
    return facts;
  }

  /** Undefined where the label has another shape or tells nothing. */
  function agreementWith(label: DecodedVolume): CaseFindings['agreement'] {
    const { shape } = label.grid;
    const count = label.voxels.length;
    const fitting = images.every(({ volume }) => volume.grid.shape.every((n, axis) => n === shape[axis]));
    const parts = images.flatMap(({ volume }) =>
      volume.channels.map((_, c) => volume.voxels.subarray(c * count, (c + 1) * count)),
    );
    return fitting ? agreementOf({ images: parts, label: label.voxels, shape }) : undefined;
  }

  function compareLabel(path: string, label: Grid, image: Grid): void {
    const difference = compareGrids(image, label);
    if (!difference.sameShape) {
      say(
        'error',
        'label-shape',
        path,
        `The label is [${label.shape.join(', ')}] voxels, its image [${image.shape.join(', ')}] (z, y, x).`,
        "Export the label again on the image's grid, or resample it to the nearest neighbor.",
        { label: label.shape, image: image.shape },
      );
      return;
    }
    const [a, b] = [spacing(image), spacing(label)];
    if (!sameSpacing(a, b))
      say(
        'error',
        'label-spacing',
        path,
        `The label's voxels are [${b.join(', ')}] mm, its image's [${a.join(', ')}] mm (z, y, x).`,
        "If they were drawn on this image, copy the image's header; else resample the label.",
        { label: b, image: a },
      );
    else if (difference.cornerVoxels > POSITION_TOLERANCE)
      say(
        'warning',
        'label-position',
        path,
        `The label lies up to ${difference.cornerMm.toPrecision(3)} mm (${difference.cornerVoxels.toPrecision(3)} voxels) away from its image: origin or direction differ. Training takes them voxel by voxel.`,
        "Look at both together; then copy the image's header or flip the label.",
        {
          cornerMm: difference.cornerMm,
          cornerVoxels: difference.cornerVoxels,
        },
      );
  }

  function examineValues(path: string, facts: VoxelFacts): void {
    if (facts.nan + facts.infinite > 0) {
      say(
        'error',
        'label-not-finite',
        path,
        `${facts.nan + facts.infinite} label voxel(s) are NaN or infinite.`,
        'Export the label again as whole numbers.',
      );
      return;
    }
    const swapped = looksSwapped(facts);
    if (facts.firstFraction) {
      const { index, value } = facts.firstFraction;
      say(
        'error',
        'label-fractional',
        path,
        `Voxel ${index} is ${value}; labels must be whole numbers.${swapped ? ' The image holds label values: image and label seem to be exchanged.' : ''}`,
        swapped
          ? 'Exchange the two files.'
          : facts.largestFraction < 0.1
            ? `All values are within ${facts.largestFraction.toPrecision(1)} of whole numbers: a scaling or a conversion to floats has moved them; round them.`
            : 'The label was resampled with interpolation: resample the original to the nearest neighbor.',
        { index, value },
      );
      return;
    }
    const allowed = allowedValues(dataset.labels);
    const unexpected = facts.values ? [...facts.values].filter(([v]) => !allowed.has(v)) : undefined;
    if (unexpected === undefined || unexpected.length > 0) {
      const some =
        unexpected
          ?.slice(0, 8)
          .map(([v, n]) => `${v} (${n} voxels)`)
          .join(', ') ?? 'more than 1024 different values';
      const binary = facts.values?.size === 2 && facts.values.has(0) && facts.values.has(255);
      say(
        'error',
        'label-unexpected',
        path,
        `The label holds ${some}; declared are ${[...allowed].join(', ')}.${swapped ? ' The image holds label values: image and label seem to be exchanged.' : ''}`,
        swapped
          ? 'Exchange the two files.'
          : binary
            ? 'The mask was saved as 0/255: write 1 instead of 255.'
            : 'Declare the values in the description, or correct the label.',
        { unexpected: unexpected?.map(([v]) => v) },
      );
      return;
    }
    if (facts.max === 0)
      say(
        'warning',
        'label-empty',
        path,
        'The label is background everywhere.',
        'Legal for cases without a finding; check that nothing was lost on export.',
      );
  }

  /** The label is no label, but the image could be one. */
  function looksSwapped(label: VoxelFacts): boolean {
    if (
      !first ||
      first.volume.channels.length !== 1 ||
      (label.isWhole && label.values !== undefined && label.values.size <= dataset.labels.all.length)
    )
      return false;
    const image = channels[0];
    const allowed = allowedValues(dataset.labels);
    return (
      image !== undefined &&
      image.isWhole &&
      image.values !== undefined &&
      image.values.size > 1 &&
      [...image.values.keys()].every((v) => allowed.has(v))
    );
  }
}
