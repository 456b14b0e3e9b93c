/** Several images at one place: time points and echoes that make channels, or slices that are there twice. */
import type { FrameInfo } from './instance.ts';
import { issue } from './issue.ts';
import type { Issue } from './issue.ts';

export interface Repeats {
  /** [channel][slice]; empty when the repeats make no regular set. */
  readonly order: readonly (readonly FrameInfo[])[];
  readonly channelNames: readonly string[];
  readonly issues: readonly Issue[];
}

/** Keys in the order they sort by. Time of day and instance number tell images apart only when nothing better does. */
const sortKeys = [
  'temporal position',
  'dimension 1',
  'dimension 2',
  'dimension 3',
  'dimension 4',
  'acquisition',
  'energy window',
  'phase',
  'R-R interval',
  'time slot',
  'echo time',
  'b value',
  'complex component',
  'image type',
  'trigger time',
  'acquisition time',
  'instance',
  'frame',
];

function compare(a: FrameInfo, b: FrameInfo): number {
  for (const key of sortKeys) {
    const [x, y] = [a.keys[key], b.keys[key]];
    if (x === y || x === undefined || y === undefined) continue;
    return x < y ? -1 : 1;
  }
  return 0;
}

/** The first key whose values tell all images at one place apart. */
function tellingKey(place: readonly FrameInfo[]): string | undefined {
  return sortKeys.find(
    (key) =>
      new Set(place.map((f) => f.keys[key])).size === place.length && place.every((f) => f.keys[key] !== undefined),
  );
}

/** Places that have fewer images than most, whose images are told apart: of an echo or a time point, slices are missing. */
function incomplete(
  places: readonly (readonly FrameInfo[])[],
  count: number,
  where: (f: FrameInfo) => string,
): Issue[] {
  const full = places.filter((place) => place.length === count);
  const key = tellingKey(full[0]!);
  if (full.length * 2 <= places.length || key === undefined || full.some((place) => tellingKey(place) !== key))
    return [];
  const values = new Set(full.flatMap((place) => place.map((f) => f.keys[key])));
  if (values.size !== count) return [];
  return places
    .filter((place) => place.length < count)
    .map((place) => {
      const missing = [...values].filter((value) => place.every((f) => f.keys[key] !== value));
      return issue(
        'refuse',
        'missing-slice',
        `${key} ${missing.join(', ')} has no slice where ${place.map(where).join(' and ')} lies: other places have ${count} images, told apart by ${key}.`,
        { files: place.map((f) => f.instance.name), details: { key, missing } },
      );
    });
}

/** `places`: frames grouped by position, ascending. */
export function findDuplicates(places: readonly (readonly FrameInfo[])[], where: (f: FrameInfo) => string): Repeats {
  const counts = new Set(places.map((p) => p.length));
  const count = Math.max(...counts);
  if (count === 1) return { order: [places.map((p) => p[0]!)], channelNames: [''], issues: [] };
  const files = [...new Set(places.flat().map((f) => f.instance.name))];
  if (places.length === 1)
    return {
      order: [],
      channelNames: [],
      issues: [
        issue(
          'refuse',
          'not-a-volume',
          `all ${count} images lie at the same place: they are repetitions of one slice, not a volume.`,
          { files },
        ),
      ],
    };
  const key = counts.size === 1 ? tellingKey(places[0]!) : undefined;
  if (key !== undefined && places.every((p) => tellingKey(p) !== undefined)) {
    const sorted = places.map((p) => [...p].sort(compare));
    const order = Array.from({ length: count }, (_, t) => sorted.map((p) => p[t]!));
    const channelNames = order.map((slices, t) =>
      key === 'instance' || key === 'frame' || key.startsWith('dimension') || key === 'acquisition time'
        ? `time ${t + 1}`
        : `${key} ${slices[0]!.keys[key]}`,
    );
    return {
      order,
      channelNames,
      issues: [
        issue(
          'warn',
          'repeated-positions',
          `${count} images at each of ${places.length} places, told apart by ${key}: they become ${count} channels.`,
          { files, details: { channels: count, slices: places.length, key } },
        ),
      ],
    };
  }
  const lacking = incomplete(places, count, where);
  if (lacking.length > 0) return { order: [], channelNames: [], issues: lacking };
  const issues = places.flatMap((place) =>
    place.length === 1
      ? []
      : [
          issue(
            'refuse',
            'duplicate-slice',
            `${place.map(where).join(' and ')} lie at the same place (${place[0]!.plane!.position.join(', ')}).`,
            { files: place.map((f) => f.instance.name), details: { position: place[0]!.plane!.position } },
          ),
        ],
  );
  return { order: [], channelNames: [], issues };
}
