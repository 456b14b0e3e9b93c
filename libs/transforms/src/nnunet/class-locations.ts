/** Where each class can be found: samples of its voxels, drawn as nnU-Net v2 draws them. */
import { NumpyRandomState } from '@voxelwise/compute';

const SEED = 1234;
const MOST = 10_000;
const SHARE = 0.01;

/** Flat voxel indices per class, keyed as in nnU-Net's files: `1`, `(1, 2)`, `(-1, 0, 1)`. */
export type ClassLocations = Map<string, Uint32Array>;

/**
 * Samples of every class: all its voxels up to 10 000, then 10 000 or one in a hundred if that is more.
 * `labels`: one channel, C order. `entries`: labels or regions; `annotated` (with an ignore label): all other labels.
 */
export function sampleClassLocations(
  labels: ArrayLike<number>,
  entries: readonly (number | readonly number[])[],
  annotated?: readonly number[],
): ClassLocations {
  const all = annotated ? [...entries, [-1, ...annotated]] : entries;
  const voxelsOf = voxelsByLabel(labels, new Set(all.flat()));
  const random = new NumpyRandomState(SEED);
  const found: ClassLocations = new Map();
  for (const entry of all) {
    const lists = (typeof entry === 'number' ? [entry] : entry).map((label) => voxelsOf.get(label)!);
    const count = lists.reduce((sum, list) => sum + list.length, 0);
    const wanted = Math.max(Math.min(MOST, count), Math.ceil(SHARE * count));
    const drawn = random.choiceWithoutReplacement(count, wanted);
    found.set(
      keyOf(entry),
      drawn.map((offset) => at(lists, offset)),
    );
  }
  return found;
}

/** As Python writes the key. */
export function keyOf(entry: number | readonly number[]): string {
  if (typeof entry === 'number') return String(entry);
  return entry.length === 1 ? String(entry[0]) : `(${entry.join(', ')})`;
}

function at(lists: readonly Uint32Array[], offset: number): number {
  let left = offset;
  for (const list of lists) {
    if (left < list.length) return list[left]!;
    left -= list.length;
  }
  return -1;
}

function voxelsByLabel(labels: ArrayLike<number>, wanted: ReadonlySet<number>): Map<number, Uint32Array> {
  const counts = new Map<number, number>();
  for (const label of wanted) counts.set(label, 0);
  eachRun(labels, (label, start, end) => {
    const count = counts.get(label);
    if (count !== undefined) counts.set(label, count + end - start);
  });
  const lists = new Map([...counts].map(([label, count]) => [label, { voxels: new Uint32Array(count), next: 0 }]));
  eachRun(labels, (label, start, end) => {
    const list = lists.get(label);
    if (list) for (let v = start; v < end; v++) list.voxels[list.next++] = v;
  });
  return new Map([...lists].map(([label, list]) => [label, list.voxels]));
}

/** Runs of equal labels. */
function eachRun(labels: ArrayLike<number>, visit: (label: number, start: number, end: number) => void): void {
  let start = 0;
  for (let v = 1; v <= labels.length; v++) {
    if (v < labels.length && labels[v] === labels[start]) continue;
    if (labels.length > 0) visit(labels[start]!, start, v);
    start = v;
  }
}
