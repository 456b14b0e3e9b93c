/** Faults that show only beside the other cases: labels turned round or exchanged, channels exchanged, voxel sizes in other units. */
import { spacing } from '@voxelwise/volume';
import type { Grid, VoxelArray } from '@voxelwise/volume';
import type { CaseFiles, Dataset } from '../datasets/dataset.ts';
import { readFromTree } from '../datasets/load-case.ts';
import { steepnessOf } from './agreement.ts';
import type { Agreement } from './agreement.ts';
import type { Fault } from './fault.ts';
import type { VoxelFacts } from './voxel-facts.ts';

/** What is known of a case once it was read. */
export interface Examined {
  readonly id: string;
  readonly files: CaseFiles;
  readonly grid: Grid | undefined;
  /** Per channel. */
  readonly channels: readonly VoxelFacts[];
  readonly labels: VoxelFacts | undefined;
  readonly agreement: Agreement | undefined;
  /** Of each class, RAS+ mm. */
  readonly centers: ReadonlyMap<number, readonly [number, number, number]>;
}

/** With fewer cases than this nothing can be said to be usual. */
const FEWEST = 5;
/** Pairs of doubtful cases that are read again to see whether their labels are exchanged. */
const MOST_PAIRS = 64;

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
};

/** All of these faults. Reads the files of the few cases whose labels may be exchanged again. */
export async function compareCases(dataset: Dataset, cases: readonly Examined[]): Promise<readonly Fault[]> {
  const turned = turnedLabels(dataset, cases);
  const known = new Set(turned.map((fault) => fault.case));
  return [
    ...foreignUnits(dataset, cases),
    ...exchangedChannels(dataset, cases),
    ...turned,
    ...mirroredClasses(dataset, cases).filter((fault) => !known.has(fault.case)),
    ...(await exchangedLabels(dataset, cases, known)),
  ];
}

/** Powers of ten that units of length differ by. */
const UNIT_FACTORS: readonly (readonly [number, string])[] = [
  [10, 'centimetres as millimetres, or the reverse'],
  [1000, 'metres or micrometres as millimetres'],
];

/** Voxels ten or a thousand times as large as the others' along every axis: the header counts in another unit. */
function foreignUnits(dataset: Dataset, cases: readonly Examined[]): readonly Fault[] {
  const known = cases.flatMap((one) => (one.grid ? [{ one, mm: spacing(one.grid) }] : []));
  if (known.length < FEWEST) return [];
  const usual = [0, 1, 2].map((axis) => median(known.map(({ mm }) => mm[axis]!)));
  return known.flatMap(({ one, mm }): readonly Fault[] => {
    const ratios = mm.map((v, axis) => v / usual[axis]!);
    const found = UNIT_FACTORS.find(([factor]) =>
      [factor, 1 / factor].some((f) => ratios.every((ratio) => ratio > f / 2 && ratio < f * 2)),
    );
    if (!found) return [];
    return [
      {
        severity: 'warning',
        code: 'spacing-unit',
        case: one.id,
        file: dataset.tree.fullPath(one.files.images[0]!),
        message: `The voxels are [${mm.map((v) => v.toPrecision(3)).join(', ')}] mm, those of the other cases around [${usual.map((v) => v.toPrecision(3)).join(', ')}] mm (z, y, x): about ${found[0]} times ${ratios[0]! > 1 ? 'more' : 'less'} along every axis.`,
        fix: `The header seems to give ${found[1]}: correct its voxel size and position, of the label too.`,
        details: { spacing: mm, usual },
      },
    ];
  });
}

/** Positive numbers that tell channels apart. */
const MEASURES: readonly ((facts: VoxelFacts) => number)[] = [
  (facts) => facts.mean,
  (facts) => facts.max,
  (facts) => facts.standardDeviation,
];

/** Two channels that differ in one way in all other cases, and in the opposite way in this one. */
function exchangedChannels(dataset: Dataset, cases: readonly Examined[]): readonly Fault[] {
  const count = dataset.channels.length;
  const whole = cases.filter((one) => one.channels.length === count && one.files.images.length === count);
  const faults: Fault[] = [];
  for (let a = 0; a < count; a++)
    for (let b = a + 1; b < count; b++) {
      const ratios = MEASURES.map((measure) =>
        whole.map(({ channels }) => Math.log(measure(channels[a]!) / measure(channels[b]!))),
      ).filter((logs) => logs.every(Number.isFinite));
      whole.forEach((one, i) => {
        const votes = ratios.map((logs) => {
          const others = logs.filter((_, j) => j !== i);
          const usual = median(others);
          // one of ten others may be exchanged too
          const alike = others.filter((log) => Math.sign(log) === Math.sign(usual)).length;
          const telling = others.length >= FEWEST && Math.abs(usual) > Math.log(1.25) && alike >= 0.9 * others.length;
          return telling ? -logs[i]! / usual : 0;
        });
        const opposite = votes.filter((vote) => vote > 0.5).length;
        if (opposite < 2 || votes.some((vote) => vote < 0)) return;
        faults.push({
          severity: 'warning',
          code: 'channels-exchanged',
          case: one.id,
          file: dataset.tree.fullPath(one.files.images[a]!),
          message: `The intensities of "${dataset.channels[a]}" and "${dataset.channels[b]}" are to each other the opposite of what they are in the other cases: the two channels seem to be exchanged.`,
          fix: 'Look at both; if so, exchange the two files.',
          details: { channels: [dataset.channels[a], dataset.channels[b]] },
        });
      });
    }
  return faults;
}

type Labelled = Examined & { readonly agreement: NonNullable<Examined['agreement']> };
const labelled = (cases: readonly Examined[]): readonly Labelled[] =>
  cases.filter((one): one is Labelled => one.agreement !== undefined);

/** A label fits another way, or another image, only where its borders are steeper there by this factor. */
const CLEARLY = 1.1;

/** The middle, and how far from it values lie by nature: robust against the few that do not belong. */
function usualRange(values: readonly number[]): { readonly middle: number; readonly deviation: number } {
  const middle = median(values);
  return { middle, deviation: 1.4826 * median(values.map((v) => Math.abs(v - middle))) };
}

/** Labels that would fit their image better turned round, where those of most other cases fit as they are. */
function turnedLabels(dataset: Dataset, cases: readonly Examined[]): readonly Fault[] {
  const known = labelled(cases);
  const leads = known.map(({ agreement: { asStored, bestFlip } }) => Math.log(asStored / bestFlip.value));
  if (known.length < FEWEST || leads.filter((lead) => lead >= 0).length < 0.8 * known.length) return [];
  const { middle, deviation } = usualRange(leads);
  const usual = median(known.map((one) => one.agreement.asStored));
  return known.flatMap(({ id, files, agreement: { asStored, bestFlip } }, i): readonly Fault[] => {
    if (leads[i]! > -Math.log(CLEARLY) || leads[i]! > middle - 3 * deviation) return [];
    const axes = ['z', 'y', 'x'].filter((_, axis) => bestFlip.flip[axis]).join(' and ');
    return [
      {
        severity: 'warning',
        code: 'label-turned',
        case: id,
        file: dataset.tree.fullPath(files.label!),
        message: `The image changes ${times(asStored)} as much across the label's borders as around them, in the other cases about ${times(usual)}; turned round along ${axes}, this label would have ${times(bestFlip.value)}.`,
        fix: `Look at both together; if so, flip the label's voxels along ${axes}.`,
        details: { asStored, turned: bestFlip.value, usual, axes },
      },
    ];
  });
}

/** Patient directions by RAS axis: along it, against it. */
const DIRECTIONS = [
  ['right of', 'left of'],
  ['in front of', 'behind'],
  ['above', 'below'],
] as const;
/** Organs come in pairs: only where many cases show one side, another side is no matter of chance. */
const FEWEST_OF_PAIRS = 12;
/** Classes that are compared with each other. */
const MOST_CLASSES = 12;

/** Two classes of which one lies on the same side of the other in all cases but this one: the label, or its header, is mirrored. */
function mirroredClasses(dataset: Dataset, cases: readonly Examined[]): readonly Fault[] {
  const classes = dataset.labels.foreground.slice(0, MOST_CLASSES);
  const nameOf = (value: number): string =>
    Object.entries(dataset.labels.names).find(([, v]) => v === value)?.[0] ?? String(value);
  const faults = new Map<string, Fault>();
  for (const [i, a] of classes.entries())
    for (const b of classes.slice(i + 1)) {
      const both = cases.filter(({ centers }) => centers.has(a) && centers.has(b));
      for (const axis of [0, 1, 2]) {
        if (both.length < (axis === 0 ? FEWEST_OF_PAIRS : FEWEST)) continue;
        const offsets = both.map(({ centers }) => centers.get(a)![axis]! - centers.get(b)![axis]!);
        const usual = median(offsets);
        const spread = 1.4826 * median(offsets.map((v) => Math.abs(v - usual)));
        // four standard deviations from the other side: nobody is there by nature
        if (Math.abs(usual) < 4 * spread || usual === 0) continue;
        both.forEach((one, n) => {
          const offset = offsets[n]!;
          if (offset * Math.sign(usual) > -0.5 * Math.abs(usual) || faults.has(one.id)) return;
          const [there, here] = usual > 0 ? DIRECTIONS[axis]! : ([...DIRECTIONS[axis]!].reverse() as [string, string]);
          faults.set(one.id, {
            severity: 'warning',
            code: 'label-turned',
            case: one.id,
            file: dataset.tree.fullPath(one.files.label!),
            message: `"${nameOf(a)}" lies ${Math.abs(offset).toFixed(1)} mm ${here} "${nameOf(b)}"; in the other cases it is around ${Math.abs(usual).toFixed(1)} mm ${there} it.`,
            fix: 'Look at image and label together; if so, flip the label, exchange the two names, or correct the header of the case.',
            details: { classes: [a, b], axis: 'xyz'[axis], offsetMm: offset, usualMm: usual },
          });
        });
      }
    }
  return [...faults.values()];
}

/** Two labels that fit each other's image better than their own. `turned`: cases whose label fits poorly for that reason. */
async function exchangedLabels(
  dataset: Dataset,
  cases: readonly Examined[],
  turned: ReadonlySet<string | undefined>,
): Promise<readonly Fault[]> {
  const known = labelled(cases);
  if (known.length < FEWEST) return [];
  const { middle, deviation } = usualRange(known.map((one) => Math.log(one.agreement.asStored)));
  const poor = known
    .filter((one) => !turned.has(one.id) && Math.log(one.agreement.asStored) < middle - deviation)
    .sort((a, b) => a.agreement.asStored - b.agreement.asStored);
  const pairs = poor.flatMap((b, i) => poor.slice(0, i).map((a) => [a, b] as const)).filter(([a, b]) => alike(a, b));
  const faults: Fault[] = [];
  const told = new Set<string>();
  for (const [a, b] of pairs.slice(0, MOST_PAIRS)) {
    if (told.has(a.id) || told.has(b.id)) continue;
    const gains = [
      (await crossed(dataset, a, b)) / a.agreement.asStored,
      (await crossed(dataset, b, a)) / b.agreement.asStored,
    ] as const;
    // each alone may deceive, both together do not
    if (Math.sqrt(gains[0] * gains[1]) < CLEARLY || Math.min(...gains) < 1 / CLEARLY) continue;
    for (const [one, other, gain] of [
      [a, b, gains[0]],
      [b, a, gains[1]],
    ] as const) {
      told.add(one.id);
      faults.push({
        severity: 'warning',
        code: 'labels-exchanged',
        case: one.id,
        file: dataset.tree.fullPath(one.files.label!),
        message: `The label of ${other.id} fits this image better than its own (across its borders the image changes ${times(gain)} as much), and the other way round: the labels of ${one.id} and ${other.id} seem to be exchanged.`,
        fix: 'Look at both cases; if so, exchange the two label files.',
        details: { other: other.id, gain },
      });
    }
  }
  const order = new Map(cases.map(({ id }, i) => [id, i]));
  return faults.sort((a, b) => order.get(a.case!)! - order.get(b.case!)!);
}

const times = (factor: number): string => `${factor.toPrecision(3)} times`;
const alike = (a: Examined, b: Examined): boolean =>
  a.grid !== undefined && b.grid !== undefined && a.grid.shape.every((n, axis) => n === b.grid!.shape[axis]);

/** How well the label of `to` fits the image of `from`. */
async function crossed(dataset: Dataset, from: Labelled, to: Labelled): Promise<number> {
  const { tree } = dataset;
  const { shape } = from.grid!;
  const voxels = shape.reduce((product, n) => product * n, 1);
  const label = await readFromTree(tree, to.files.label!, { kind: 'labels' });
  const images: VoxelArray[] = [];
  for (const path of from.files.images) {
    const image = await readFromTree(tree, path, { kind: 'intensity' });
    image.channels.forEach((_, c) => images.push(image.voxels.subarray(c * voxels, (c + 1) * voxels)));
  }
  return steepnessOf({ images, label: label.voxels, shape });
}
