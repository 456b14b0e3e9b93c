/** Slices of one orientation, put in order: which lattice they make, and everything that is wrong with it. */
import type { Grid } from '@voxelwise/volume';
import { acquisitionIssues, mosaicIssues, referenceIssues } from './acquisition-issues.ts';
import { findDuplicates } from './repeats.ts';
import type { FrameInfo } from './instance.ts';
import { issue } from './issue.ts';
import type { Issue } from './issue.ts';
import { cross, dot, length, median, minus, plus, times, unit } from './vector.ts';
import type { Vector } from './vector.ts';

/** The lattice of a stack in patient coordinates (LPS, mm): the first pixel, and the steps to the next column, row and slice. */
export interface Lattice {
  readonly origin: Vector;
  readonly alongRow: Vector;
  readonly alongColumn: Vector;
  readonly step: Vector;
  readonly columns: number;
  readonly rows: number;
  readonly slices: number;
}

export interface Arrangement {
  /** [channel][slice], slices ascending along row × column. */
  readonly order: readonly (readonly FrameInfo[])[];
  /** What tells the channels of a stack apart; one empty name for an ordinary volume. */
  readonly channelNames: readonly string[];
  readonly lattice: Lattice | undefined;
  /** Degrees between the step from slice to slice and the slices' normal. */
  readonly tiltDegrees: number;
  readonly steps: readonly number[];
  readonly issues: readonly Issue[];
}

/** Steps may differ from their median by this fraction; positions are often rounded to a hundredth of a millimeter. */
const STEP_TOLERANCE = 0.02;
/** A tilt below this is rounding: it moves the last of 100 slices of 1 mm by less than half a millimeter, and the affine keeps even that. */
const TILT_TOLERANCE_DEGREES = 0.2;

/** Faults that leave every slice on one line. */
const GAPS: ReadonlySet<string> = new Set(['missing-slice', 'uneven-spacing']);

const where = (f: FrameInfo): string =>
  f.instance.format.frames > 1 || f.instance.mosaic !== undefined
    ? `${f.instance.name} frame ${f.index + 1}`
    : f.instance.name;
const mm = (value: number): string => `${Number(value.toFixed(3))} mm`;

/** The RAS+ grid of a lattice, in array order. */
export function gridOf({ origin, alongRow, alongColumn, step, slices, rows, columns }: Lattice): Grid {
  const affine = new Float64Array(16);
  [step, alongColumn, alongRow, origin].forEach((v, c) => {
    affine[c] = -v[0];
    affine[4 + c] = -v[1];
    affine[8 + c] = v[2];
  });
  affine[15] = 1;
  // No negative zeros: they print badly and compare oddly.
  return { shape: [slices, rows, columns], affine: affine.map((v) => (v === 0 ? 0 : v)) };
}

/** Slices of another size than most, and those of the usual one. */
function sizeIssues(frames: readonly FrameInfo[]): { issues: Issue[]; usual: readonly FrameInfo[] } {
  const groups = new Map<string, FrameInfo[]>();
  for (const f of frames) {
    const s = f.instance.format;
    const key = `${f.window.columns} × ${f.window.rows}${s.samples > 1 ? ` × ${s.samples}` : ''}`;
    const members = groups.get(key);
    if (members === undefined) groups.set(key, [f]);
    else members.push(f);
  }
  const [usual, ...odd] = [...groups].sort((a, b) => b[1].length - a[1].length);
  const issues = odd.flatMap(([size, members]) =>
    members.map((f) =>
      issue('refuse', 'mixed-size', `${where(f)} is ${size}, the other slices are ${usual![0]}.`, {
        files: [f.instance.name],
        details: { size, expected: usual![0] },
      }),
    ),
  );
  return { issues, usual: usual![1] };
}

function spacingIssues(frames: readonly FrameInfo[]): Issue[] {
  const first = [median(frames.map((f) => f.plane!.spacing[0])), median(frames.map((f) => f.plane!.spacing[1]))];
  return frames.flatMap((f) =>
    f.plane!.spacing.some((s, i) => Math.abs(s - first[i]!) > 1e-3 * first[i]!)
      ? [
          issue(
            'refuse',
            'mixed-spacing',
            `${where(f)} has pixels of ${f.plane!.spacing.join(' × ')} mm, the other slices of ${first.join(' × ')} mm.`,
            { files: [f.instance.name] },
          ),
        ]
      : [],
  );
}

/** Names each gap: a whole number of missing slices, or a step of another size. */
function gapIssues(places: readonly FrameInfo[], steps: readonly number[]): Issue[] {
  const usual = median(steps);
  return steps.flatMap((step, i) => {
    if (Math.abs(step - usual) <= Math.max(STEP_TOLERANCE * usual, 1e-3)) return [];
    const files = [places[i]!.instance.name, places[i + 1]!.instance.name];
    const between = `between ${where(places[i]!)} and ${where(places[i + 1]!)}`;
    const missing = Math.round(step / usual) - 1;
    const details = { stepMm: step, usualMm: usual };
    return missing >= 1 && Math.abs(step / usual - missing - 1) < 0.05
      ? [
          issue(
            'refuse',
            'missing-slice',
            `${missing} slice(s) missing ${between}: ${mm(step)} apart where ${mm(usual)} is usual.`,
            { files, details: { ...details, missing } },
          ),
        ]
      : [
          issue('refuse', 'uneven-spacing', `uneven spacing ${between}: ${mm(step)} where ${mm(usual)} is usual.`, {
            files,
            details,
          }),
        ];
  });
}

/** Slices beside the line from the first to the last, whatever their distances along it. */
function lineIssues(places: readonly FrameInfo[], lattice: Lattice, tolerance: number): Issue[] {
  const normal = unit(cross(lattice.alongRow, lattice.alongColumn));
  const rise = dot(lattice.step, normal);
  return places.flatMap((f) => {
    const from = minus(f.plane!.position, lattice.origin);
    const sideways = length(plus(from, lattice.step, -dot(from, normal) / rise));
    return sideways > tolerance
      ? [
          issue(
            'refuse',
            'off-line-slice',
            `${where(f)} lies ${mm(sideways)} beside the line through the other slices.`,
            { files: [f.instance.name], details: { sidewaysMm: sideways } },
          ),
        ]
      : [];
  });
}

/** Row and column directions at exact right angles, and how far (radians) the stored ones were from that. */
function repairedAxes(row: Vector, column: Vector): { row: Vector; column: Vector; deviation: number } {
  const deviation = Math.max(Math.abs(length(row) - 1), Math.abs(length(column) - 1), Math.abs(dot(row, column)));
  // six digits are what most files spell: their rounding moves the far corner by less than a hundredth of a voxel
  if (deviation < 1e-5) return { row, column, deviation: 0 };
  // The symmetric choice: turn both by half of the error, as the polar decomposition does.
  const r = unit(row);
  const c = unit(column);
  const sum = unit(plus(r, c));
  const difference = unit(minus(r, c));
  return {
    row: times(plus(sum, difference), Math.SQRT1_2),
    column: times(minus(sum, difference), Math.SQRT1_2),
    deviation,
  };
}

/** Orders frames that share an orientation and finds what speaks against stacking them. */
export function arrange(frames: readonly FrameInfo[]): Arrangement {
  const { issues, usual } = sizeIssues(frames);
  const whole = arranged(frames, issues);
  if (usual.length === frames.length) return whole;
  // An image of another size may be a slice in its place, or a stranger whose place says nothing of the others.
  const others = arranged(usual, issues);
  const reasons = ({ issues: all }: Arrangement): number => all.filter((i) => i.severity === 'refuse').length;
  return reasons(others) < reasons(whole) ? others : whole;
}

/** `sizes`: what is wrong with the sizes, to tell of first. */
function arranged(frames: readonly FrameInfo[], sizes: readonly Issue[]): Arrangement {
  const nothing = { order: [], channelNames: [], lattice: undefined, tiltDegrees: 0, steps: [] };
  const issues = [...sizes];
  const homeless = frames.filter((f) => f.plane === undefined);
  if (homeless.length > 0) return withoutGeometry(frames, homeless, issues);
  issues.push(...referenceIssues(frames), ...spacingIssues(frames));
  const reference = frames[0]!.plane!;
  const { row, column, deviation } = repairedAxes(reference.row, reference.column);
  if (deviation > 0)
    issues.push(
      issue(
        'warn',
        'repaired-orientation',
        `the row and column directions were ${deviation.toExponential(1)} from orthonormal; they were corrected.`,
        { files: [frames[0]!.instance.name], details: { deviation } },
      ),
    );
  const normal = cross(row, column);
  const height = (f: FrameInfo): number => dot(f.plane!.position, normal);
  const sorted = [...frames].sort((a, b) => height(a) - height(b));
  const samePlace = 0.01 * Math.min(...reference.spacing);
  const places: FrameInfo[][] = [];
  for (const f of sorted) {
    const last = places.at(-1)?.[0];
    if (last !== undefined && length(minus(f.plane!.position, last.plane!.position)) < samePlace)
      places.at(-1)!.push(f);
    else places.push([f]);
  }
  const repeats = findDuplicates(places, where);
  issues.push(...repeats.issues);
  const heads = repeats.order[0] ?? places.map((p) => p[0]!);
  const steps = heads.slice(1).map((f, i) => height(f) - height(heads[i]!));
  const lattice = latticeOf(heads, row, column);
  if (heads.length > 1) issues.push(...gapIssues(heads, steps));
  const across = plus(lattice.step, normal, -dot(lattice.step, normal));
  const tiltDegrees = (Math.atan2(length(across), Math.abs(dot(lattice.step, normal))) * 180) / Math.PI;
  const placed = issues.every((i) => i.severity === 'warn' || GAPS.has(i.code));
  if (placed && heads.length > 2) issues.push(...lineIssues(heads, lattice, 0.1 * Math.min(...reference.spacing)));
  if (heads.length > 1 && tiltDegrees > TILT_TOLERANCE_DEGREES)
    issues.push(
      issue(
        'refuse',
        'tilt',
        `the slices are sheared by ${tiltDegrees.toFixed(2)}° (tilted gantry): no grid with right angles holds them. Ask for onTilt: 'shear' to resample, or 'keep' for a sheared affine.`,
        { details: { tiltDegrees } },
      ),
    );
  if (heads.length === 2)
    issues.push(
      issue('warn', 'two-slices', 'only two slices: nothing tells whether one is missing between them.', {
        files: heads.map((f) => f.instance.name),
      }),
    );
  issues.push(...repeats.order.flatMap(acquisitionIssues), ...mosaicIssues(heads));
  if (heads[0]!.instance.mosaic?.guessed === true)
    issues.push(
      issue(
        'warn',
        'guessed-mosaic',
        `the mosaic's private header is incomplete: ${places.length} slices were taken from its tile size; empty tiles at its end count as slices.`,
        { files: [heads[0]!.instance.name] },
      ),
    );
  return { ...nothing, order: repeats.order, channelNames: repeats.channelNames, lattice, tiltDegrees, steps, issues };
}

function latticeOf(heads: readonly FrameInfo[], row: Vector, column: Vector): Lattice {
  const first = heads[0]!;
  const last = heads.at(-1)!;
  const { spacing, position } = first.plane!;
  const alone = first.thickness !== undefined && first.thickness > 0 ? first.thickness : 1;
  const step =
    heads.length > 1
      ? times(minus(last.plane!.position, position), 1 / (heads.length - 1))
      : times(cross(row, column), alone);
  return {
    origin: position,
    alongRow: times(row, spacing[1]),
    alongColumn: times(column, spacing[0]),
    step,
    columns: first.window.columns,
    rows: first.window.rows,
    slices: heads.length,
  };
}

/** Frames that the file does not place: a single one is a picture on a plane of its own, several cannot be ordered. */
function withoutGeometry(frames: readonly FrameInfo[], homeless: readonly FrameInfo[], issues: Issue[]): Arrangement {
  const only = frames.length === 1 ? frames[0]! : undefined;
  const files = [...new Set(homeless.map((f) => f.instance.name))];
  const missing = 'ImagePositionPatient, ImageOrientationPatient or PixelSpacing';
  if (only === undefined) {
    issues.push(
      issue(
        'refuse',
        'no-geometry',
        `${files.length} file(s) with ${homeless.length} frame(s) have no ${missing}: their order and place are unknown.`,
        { files, details: { byteOffset: homeless[0]!.instance.file.pixels!.offset } },
      ),
    );
    return { order: [], channelNames: [], lattice: undefined, tiltDegrees: 0, steps: [], issues };
  }
  issues.push(
    issue(
      'warn',
      'no-geometry',
      `no ${missing}: the picture is placed at the origin with its stated pixel spacing, or 1 mm.`,
      { files },
    ),
  );
  const top = only.instance.file.dataset;
  const stated = top.numbers(0x00280030).length >= 2 ? top.numbers(0x00280030) : top.numbers(0x00181164);
  const [sy, sx] = stated.length >= 2 && stated.every((s) => s > 0) ? stated : [1, 1];
  const lattice: Lattice = {
    origin: [0, 0, 0],
    alongRow: [sx!, 0, 0],
    alongColumn: [0, sy!, 0],
    step: [0, 0, 1],
    columns: only.window.columns,
    rows: only.window.rows,
    slices: 1,
  };
  return { order: [[only]], channelNames: [''], lattice, tiltDegrees: 0, steps: [], issues };
}
