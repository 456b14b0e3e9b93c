/**
 * Where the axes of an NRRD lie: by `space directions`, or by `spacings` and `axis mins`. Source: Teem's definition of the NRRD
 * file format; the position of the first sample as Teem's nrrdOriginCalculate has it, which ITK asks.
 */
import { millimetres } from '../length-units.ts';

export interface NrrdAxes {
  /** Per axis, fastest first: its step in space in millimetres, or undefined for axes that are not in space. */
  readonly directions: readonly (readonly number[] | undefined)[];
  /** Of the first sample, in millimetres. */
  readonly origin: readonly number[];
}

interface Known {
  readonly sizes: readonly number[];
  /** A fourth dimension of space is time. */
  readonly withTime: boolean;
  readonly fail: (field: string, message: string) => never;
}

type Fields = ReadonlyMap<string, string>;
type Vector = readonly number[];

/** `fields`: names in lower case. Throws what `fail` throws. */
export function nrrdAxes(fields: Fields, known: Known): NrrdAxes {
  return fields.has('space directions') ? bySpace(fields, known) : bySpacings(fields, known);
}

function vectors(text: string): (Vector | undefined)[] {
  return [...text.matchAll(/none|\(([^)]*)\)/gi)].map((m) =>
    m[1] === undefined ? undefined : m[1].split(',').map(Number),
  );
}

function words(fields: Fields, ...names: readonly string[]): readonly string[] | undefined {
  const name = names.find((n) => fields.has(n));
  return name === undefined ? undefined : fields.get(name)!.split(/\s+/);
}

/** Millimetres in each quoted unit; what is no length, or is missing, counts as millimetres. */
function scales(text: string | undefined): readonly number[] {
  return [...(text ?? '').matchAll(/"([^"]*)"/g)].map((m) => millimetres(m[1]) ?? 1);
}

function bySpace(fields: Fields, { sizes, withTime, fail }: Known): NrrdAxes {
  const mm = scales(fields.get('space units'));
  const scaled = (v: Vector): Vector => v.map((n, row) => n * (mm[row] ?? 1));
  const found = vectors(fields.get('space directions')!);
  if (found.length !== sizes.length)
    fail('space directions', `space directions has ${found.length} entries, dimension is ${sizes.length}.`);
  const directions = found.map((v) => {
    if (v === undefined || !v.every(Number.isFinite)) return undefined;
    if (withTime && v.length === 4) return v.slice(0, 3).some((n) => n !== 0) ? scaled(v.slice(0, 3)) : undefined;
    return scaled(v.length === 2 ? [...v, 0] : v);
  });
  return { directions, origin: scaled(spaceOrigin(fields, { sizes, withTime, fail })) };
}

function spaceOrigin(fields: Fields, { withTime, fail }: Known): Vector {
  const found = vectors(fields.get('space origin') ?? '(0,0,0)')[0]?.slice(0, withTime ? 3 : undefined);
  if (!found || (found.length !== 3 && found.length !== 2) || !found.every(Number.isFinite))
    return fail('space origin', `space origin is "${fields.get('space origin')}"; three numbers were expected.`);
  return found.length === 2 ? [...found, 0] : found;
}

function bySpacings(fields: Fields, known: Known): NrrdAxes {
  const { sizes } = known;
  const kinds = words(fields, 'kinds')?.map((kind) => kind.toLowerCase());
  const spacings = words(fields, 'spacings')?.map(Number);
  const mins = words(fields, 'axis mins', 'axismins')?.map(Number);
  const maxs = words(fields, 'axis maxs', 'axismaxs')?.map(Number);
  const centers = words(fields, 'centers', 'centerings')?.map((center) => center.toLowerCase());
  const mm = scales(fields.get('units'));
  const isSpace = (axis: number): boolean => {
    const kind = kinds?.[axis];
    if (kind !== undefined && kind !== '???' && kind !== 'none') return kind === 'domain' || kind === 'space';
    return sizes.length <= 3 || (spacings ? Number.isFinite(spacings[axis]) : axis < 3);
  };
  const spatial = sizes.flatMap((_, axis) => (isSpace(axis) ? [axis] : [])).slice(0, 3);
  const atNodes = (axis: number): boolean => centers?.[axis] === 'node';
  const step = (axis: number): number => {
    const given = Math.abs(spacings?.[axis] ?? NaN);
    const range = ((maxs?.[axis] ?? NaN) - (mins?.[axis] ?? NaN)) / (sizes[axis]! - (atNodes(axis) ? 1 : 0));
    return [given, range].find((n) => Number.isFinite(n) && n !== 0) ?? 1;
  };
  // a sample is as long as its step, unless samples are at the nodes between
  const first = spatial.map((axis) => (mins?.[axis] ?? NaN) + (atNodes(axis) ? 0 : step(axis) / 2));
  const placed = first.every(Number.isFinite);
  return {
    directions: sizes.map((_, axis) => {
      const row = spatial.indexOf(axis);
      return row < 0 ? undefined : [0, 1, 2].map((r) => (r === row ? step(axis) * (mm[axis] ?? 1) : 0));
    }),
    origin:
      placed && !fields.has('space origin')
        ? [0, 1, 2].map((r) => (first[r] ?? 0) * (mm[spatial[r]!] ?? 1))
        : spaceOrigin(fields, known),
  };
}
