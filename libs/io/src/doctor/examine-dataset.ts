/** The data doctor: every fault of a data set, named, with a way out. Reads all files once, one case at a time. */
import type { CaseFiles, Dataset } from '../datasets/dataset.ts';
import { endingOf } from '../datasets/listed-dataset.ts';
import { examineCase } from './examine-case.ts';
import type { CaseFindings } from './examine-case.ts';
import { compareCases } from './compare-cases.ts';
import type { Examined as Compared } from './compare-cases.ts';
import type { Fault } from './fault.ts';

export interface ExamineOptions {
  /** Called after each case. */
  readonly onCase?: (done: number, total: number, id: string) => void;
  readonly signal?: AbortSignal;
}

interface Examined extends CaseFindings, Compared {
  readonly split: 'training' | 'validation' | 'test';
  readonly files: CaseFiles;
}

/**
 * Finds faults: missing, damaged and stray files, grids that differ, label values, NaN, empty masks, channels that do not match,
 * modalities that contradict intensities, copies across splits, labels and channels that fit other cases or orientations better.
 *
 * Errors first, then warnings, each in the order of the cases. Throws: only if aborted, or when the disk fails.
 */
export async function examineDataset(
  dataset: Dataset,
  { onCase, signal }: ExamineOptions = {},
): Promise<readonly Fault[]> {
  const faults: Fault[] = [...examineDescription(dataset), ...(await strayFiles(dataset))];
  const all = (['training', 'validation', 'test'] as const).flatMap((split) =>
    dataset[split].map((files) => ({ split, files })),
  );
  const cases: Examined[] = [];
  for (const { split, files } of all) {
    signal?.throwIfAborted();
    const findings = await examineCase(dataset, files, split === 'training');
    faults.push(...findings.faults);
    cases.push({ ...findings, faults: [], split, files });
    onCase?.(cases.length, all.length, files.id);
  }
  faults.push(...copies(dataset, cases), ...modalities(dataset, cases), ...unusedLabels(dataset, cases));
  signal?.throwIfAborted();
  faults.push(...(await compareCases(dataset, cases)));
  return [...faults.filter((f) => f.severity === 'error'), ...faults.filter((f) => f.severity === 'warning')];
}

function examineDescription(dataset: Dataset): readonly Fault[] {
  const file = dataset.tree.fullPath(dataset.description ?? '');
  const faults: Fault[] = [];
  const { labels, training, numTraining } = dataset;
  if (training.length === 0)
    faults.push({
      severity: 'error',
      code: 'no-cases',
      file,
      message: 'The data set has no training case.',
      fix: `Put images into imagesTr as {case}_0000${dataset.fileEnding || '.nii.gz'} and labels into labelsTr.`,
    });
  if (numTraining !== undefined && numTraining !== training.length)
    faults.push({
      severity: dataset.layout === 'nnunet' ? 'error' : 'warning',
      code: 'case-count',
      file,
      message: `numTraining is ${numTraining}, ${training.length} training case(s) were found.`,
      fix: 'Correct numTraining, or restore the missing cases.',
      details: { numTraining, found: training.length },
    });
  const values = labels.ignore === undefined ? labels.all : [...labels.all, labels.ignore];
  if (values.some((v, i) => v !== i))
    faults.push({
      severity: 'error',
      code: 'labels-not-consecutive',
      file,
      message: `The label values are ${values.join(', ')}; they must be consecutive from 0.`,
      fix: 'Renumber the labels in the description and in the files.',
      details: { values },
    });
  return faults;
}

const JUNK = /^(\.DS_Store|\._.*|Thumbs\.db|desktop\.ini|\.ipynb_checkpoints|.*~|.*\.(part|tmp|crdownload))$/i;

/** Files in the image and label folders that no case uses. */
async function strayFiles(dataset: Dataset): Promise<readonly Fault[]> {
  const used = new Set<string>();
  const folders = new Map<string, 'image' | 'label'>();
  for (const c of [...dataset.training, ...dataset.validation, ...dataset.test]) {
    for (const path of [...c.images, ...(c.label === undefined ? [] : [c.label])]) used.add(path);
    for (const path of c.images) folders.set(path.slice(0, Math.max(0, path.lastIndexOf('/'))), 'image');
    if (c.label !== undefined) folders.set(c.label.slice(0, Math.max(0, c.label.lastIndexOf('/'))), 'label');
  }
  // nnU-Net takes what lies in its folders, unless the description lists the cases
  const byFolder = dataset.layout === 'nnunet' && !('dataset' in dataset.json);
  if (byFolder) {
    folders.set('imagesTr', 'image');
    folders.set('labelsTr', 'label');
  }
  const faults: Fault[] = [];
  const labelled = new Set(
    [...used].filter((path) => folders.get(path.slice(0, Math.max(0, path.lastIndexOf('/')))) === 'label').map(baseOf),
  );
  for (const [folder, role] of folders) {
    if (folder === '') continue;
    for (const name of await dataset.tree.list(folder)) {
      const path = `${folder}/${name}`;
      if (used.has(path) || isCompanion(path, used)) continue;
      const file = dataset.tree.fullPath(path);
      if (JUNK.test(name))
        faults.push({
          severity: 'warning',
          code: 'junk-file',
          file,
          message: 'This file is litter of an operating system or an unfinished download.',
          fix: 'Delete it.',
        });
      else if (endingOf(name) !== '' && role === 'label')
        faults.push({
          severity: byFolder ? 'error' : 'warning',
          code: 'label-without-image',
          file,
          message: 'This label belongs to no image of the data set.',
          fix: await nameFor(path),
        });
      else if (endingOf(name) !== '')
        faults.push({
          severity: 'warning',
          code: labelled.has(baseOf(path)) ? 'unlisted-file' : 'image-without-label',
          file,
          message: 'This image belongs to no case: the description does not list it, or its name does not fit.',
          fix: imageNameFor(name),
        });
    }
  }
  return faults;

  /** Most strays are a case's missing label under another name. */
  async function nameFor(path: string): Promise<string> {
    for (const { label } of dataset.training)
      if (label !== undefined && plainName(label) === plainName(path) && !(await dataset.tree.has(label)))
        return `It seems to be ${label.slice(label.lastIndexOf('/') + 1)}: rename it, or store it anew if the ending differs.`;
    return 'Add its image, or delete the label.';
  }

  function imageNameFor(name: string): string {
    const ending = dataset.fileEnding;
    if (dataset.layout === 'nnunet' && endingOf(name) !== ending)
      return `Images of this data set end with ${ending}: store it anew as such, or delete it.`;
    if (dataset.layout === 'nnunet' && !/_\d{4}$/.test(name.slice(0, -ending.length)))
      return `Image files end with the number of their channel: rename it to ${name.slice(0, -ending.length)}_0000${ending}, or delete it.`;
    return 'Add it to the description with its label, or delete it.';
  }
}

/** A file's name without what people change by mistake: case, leading zeros, endings, words for labels. */
const plainName = (path: string): string =>
  baseOf(path)
    .toLowerCase()
    .replace(/[-_. ]?(seg|segmentation|label|labels|mask|gt|0000)$/, '')
    .replace(/0+(?=\d)/g, '')
    .replace(/[-_. ]/g, '');

const baseOf = (path: string): string => {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name.slice(0, name.length - endingOf(name).length).replace(/_\d{4}$/, '');
};

/** The second file of a pair, and side-cars. */
function isCompanion(path: string, used: ReadonlySet<string>): boolean {
  const stem = path.replace(/\.(img|img\.gz|raw|zraw|json)$/i, '');
  return (
    stem !== path &&
    [...['.hdr', '.hdr.gz', '.mhd', '.nhdr', '.tif', '.tiff', '_0000.tif', '_0000.tiff']].some((ending) =>
      used.has(stem + ending),
    )
  );
}

/** Cases whose voxels are the same. A copy across splits makes the score a lie. */
function copies(dataset: Dataset, cases: readonly Examined[]): readonly Fault[] {
  const faults: Fault[] = [];
  const seen = { image: new Map<string, Examined>(), label: new Map<string, Examined>() };
  const originals = new Map<string, Examined[]>();
  for (const one of cases) {
    const informative = one.channels.length > 0 && one.channels.some((c) => c.min < c.max);
    const image = one.channels.map((c) => c.fingerprint).join('|');
    const size = one.grid?.shape.join(' ') ?? '';
    const alike = originals.get(size) ?? [];
    const exact = informative ? seen.image.get(image) : undefined;
    const other = exact ?? (informative ? alike.find((before) => rescaled(before, one)) : undefined);
    if (other) {
      const across = other.split !== one.split || other.files.fold !== one.files.fold;
      faults.push({
        severity: 'warning',
        code: 'duplicate-image',
        case: one.id,
        file: dataset.tree.fullPath(one.files.images[0]!),
        message: `The image of ${one.id} (${one.split}) is a copy of ${other.id} (${other.split})${exact ? '' : ' with intensities rescaled'}${across ? ': scores on it do not count as unseen' : ''}.`,
        fix: across
          ? 'Keep one of the two, or put both into the same split.'
          : 'Keep one of the two, or make sure that both are in the same fold.',
        details: { other: other.id, splits: [other.split, one.split] },
      });
    } else if (informative) {
      seen.image.set(image, one);
      originals.set(size, [...alike, one]);
    }
    if (!one.labels || one.labels.max <= 0) continue;
    const twin = seen.label.get(one.labels.fingerprint);
    if (twin && !other)
      faults.push({
        severity: 'warning',
        code: 'duplicate-label',
        case: one.id,
        file: dataset.tree.fullPath(one.files.label!),
        message: `The label of ${one.id} is a copy of ${twin.id}'s, though the images differ.`,
        fix: 'One of the two labels was exported under the wrong name; replace it.',
        details: { other: twin.id },
      });
    else if (!twin) seen.label.set(one.labels.fingerprint, one);
  }
  return faults;
}

/** Whether the images differ by scale and offset alone, as a second export of the same picture does. */
function rescaled(a: Examined, b: Examined): boolean {
  return (
    a.channels.length === b.channels.length &&
    a.channels.every((channel, c) => {
      const [p, q] = [channel.profile, b.channels[c]!.profile];
      return p.length === q.length && p.length >= 64 && p.every((v, i) => Math.abs(v - q[i]!) <= 1e-3);
    })
  );
}

/** Names of channels that are stored in Hounsfield units, as nnU-Net's planner tells them: exactly "CT", case aside. */
const isCt = (name: string): boolean => name.toLowerCase() === 'ct';
const isOtherModality = (name: string): boolean => /^(mri?|t1\w*|t2\w*|flair|adc|dwi|pd|swi|pet|us)$/i.test(name);
/** Air and padding in Hounsfield units. */
const AIR = -900;

/** Intensities that contradict the declared modality: the normalization would be the wrong one. */
function modalities(dataset: Dataset, cases: readonly Examined[]): readonly Fault[] {
  return dataset.channels.flatMap((name, channel): readonly Fault[] => {
    const wrong = cases.filter((one) => {
      const facts = one.channels[channel];
      if (!facts || one.channels.length !== dataset.channels.length || facts.min >= facts.max) return false;
      if (isCt(name)) return facts.min >= 0 || facts.max - facts.min < 50;
      return isOtherModality(name) && facts.isWhole && facts.min <= AIR && facts.max > 100;
    });
    return wrong.map((one) => {
      const facts = one.channels[channel]!;
      return {
        severity: 'warning',
        code: 'modality-intensity',
        case: one.id,
        file: dataset.tree.fullPath(one.files.images[Math.min(channel, one.files.images.length - 1)]!),
        message: isCt(name)
          ? `Channel "${name}" should be in Hounsfield units (air is near -1000); the values run from ${facts.min} to ${facts.max}.`
          : `Channel "${name}" has values from ${facts.min} to ${facts.max}, as CT in Hounsfield units has.`,
        fix: isCt(name)
          ? 'Export the image in Hounsfield units, or name the channel after its real modality.'
          : 'If it is CT, name the channel "CT"; the normalization depends on it.',
        details: { min: facts.min, max: facts.max, mean: facts.mean, channel: name },
      };
    });
  });
}

/** Declared labels that no case has. */
function unusedLabels(dataset: Dataset, cases: readonly Examined[]): readonly Fault[] {
  const labelled = cases.filter((c) => c.labels?.values);
  if (labelled.length === 0) return [];
  const unused = dataset.labels.foreground.filter((v) => !labelled.some((c) => c.labels!.values!.has(v)));
  const file = dataset.tree.fullPath(dataset.description ?? '');
  if (unused.length === dataset.labels.foreground.length)
    return [
      {
        severity: 'error',
        code: 'label-never-used',
        file,
        message: `None of the ${labelled.length} label files holds anything but the background.`,
        fix: 'Export the labels again: there is nothing to learn from.',
        details: { unused },
      },
    ];
  const nameOf = (value: number): string =>
    Object.entries(dataset.labels.names).find(([, v]) => v === value)?.[0] ?? String(value);
  return unused.map((value) => ({
    severity: 'warning',
    code: 'label-never-used',
    file,
    message: `No case has the label ${value} ("${nameOf(value)}").`,
    fix: 'Take it out of the description, or look for the cases that were left out.',
    details: { value },
  }));
}
