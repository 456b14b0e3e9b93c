/** Named masks to a label volume: which are wanted, which number each gets, what happens where two meet, and a report. */
import type { Volume } from '@voxelwise/volume';
import { FormatError } from '../../errors.ts';
import type { MaskTarget } from './target.ts';

/** A mask as its file describes it; `paint` calls `set` with the array index of each voxel on the target, possibly repeatedly. */
export interface Mask {
  readonly number: number;
  readonly name: string;
  /** What was left out while painting, for the report. */
  paint(set: (index: number) => void): Promise<readonly string[]> | readonly string[];
}

/** Masks whose name matches `pattern` become `label`. Text patterns ignore case; `*` and `?` stand for any text and any letter. */
export interface MaskSelection {
  readonly pattern: string | RegExp;
  readonly label: number;
}

export interface MaskOptions {
  /** Which masks, and their labels; all by default, labeled with their own numbers. Earlier selections win under `priority`. */
  readonly select?: readonly MaskSelection[];
  /** Voxels of two labels: `error`, keep the first by `priority` (order of selection, else of number), or give each label a channel. */
  readonly onOverlap?: 'error' | 'priority' | 'channels';
  /** Patterns that match nothing: `error`, or only `report`. */
  readonly onUnmatched?: 'error' | 'report';
}

export interface MaskReport {
  readonly number: number;
  readonly name: string;
  /** Undefined when no selection asked for this mask. */
  readonly label: number | undefined;
  readonly voxels: number;
  /** `empty`: wanted, but no voxel on the grid. `unselected`: not asked for. */
  readonly status: 'used' | 'empty' | 'unselected';
  readonly notes: readonly string[];
}

export interface LabelVolume {
  /** One channel of label numbers, 0 for background; under `channels` one channel of 0 and 1 per label, in order of `labels`. */
  readonly volume: Volume;
  /** Names by label. */
  readonly labels: Readonly<Record<number, string>>;
  readonly masks: readonly MaskReport[];
  /** Patterns that no mask matched. */
  readonly unmatched: readonly string[];
  /** Voxels claimed by two labels and settled by priority. */
  readonly overlapVoxels: number;
  /** Remarks on the file as a whole. */
  readonly notes: readonly string[];
}

function matcher(pattern: string | RegExp): (name: string) => boolean {
  if (typeof pattern !== 'string') return (name) => pattern.test(name);
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const whole = new RegExp(`^${escaped}$`, 'i');
  return (name) => whole.test(name);
}

interface Wanted {
  readonly mask: Mask;
  readonly label: number;
}

function choose(
  masks: readonly Mask[],
  select: readonly MaskSelection[] | undefined,
): { wanted: Wanted[]; unmatched: string[] } {
  if (select === undefined) {
    const numbered =
      new Set(masks.map((m) => m.number)).size === masks.length && masks.every((m) => m.number > 0 && m.number < 65536);
    return { wanted: masks.map((mask, i) => ({ mask, label: numbered ? mask.number : i + 1 })), unmatched: [] };
  }
  const wanted: Wanted[] = [];
  const unmatched: string[] = [];
  for (const { pattern, label } of select) {
    if (!Number.isInteger(label) || label < 1 || label > 65535)
      throw new FormatError(`masks: a label must be a whole number from 1 to 65535, came ${label} for ${pattern}.`, {
        field: 'select',
      });
    const matches = matcher(pattern);
    const found = masks.filter((m) => matches(m.name.trim()) && !wanted.some((w) => w.mask === m));
    if (found.length === 0) unmatched.push(String(pattern));
    wanted.push(...found.map((mask) => ({ mask, label })));
  }
  return { wanted, unmatched };
}

/**
 * Paints masks onto a target.
 * Throws: FormatError when labels overlap and `onOverlap` is `error`, when a pattern matches nothing and `onUnmatched` is `error`.
 */
export async function labelVolume(
  file: string,
  masks: readonly Mask[],
  { target, notes = [], ...options }: MaskOptions & { readonly target: MaskTarget; readonly notes?: readonly string[] },
): Promise<LabelVolume> {
  const { onOverlap = 'error', onUnmatched = 'error' } = options;
  const { wanted, unmatched } = choose(masks, options.select);
  if (unmatched.length > 0 && onUnmatched === 'error')
    throw new FormatError(
      `${file}: no mask is called ${unmatched.join(', ')}; it holds ${masks.map((m) => m.name).join(', ') || 'none'}.`,
      { file, field: 'mask name', details: { unmatched, names: masks.map((m) => m.name) } },
    );
  const [slices, rows, columns] = target.grid.shape;
  const size = slices * rows * columns;
  const values = [...new Set(wanted.map((w) => w.label))];
  const channels = onOverlap === 'channels';
  const top = Math.max(1, ...values);
  const voxels = channels
    ? new Uint8Array(size * values.length)
    : top < 256
      ? new Uint8Array(size)
      : new Uint16Array(size);
  const overlaps = new Map<string, number>();
  let overlapVoxels = 0;
  const reports = new Map<Mask, MaskReport>();
  const nameOf = (label: number): string =>
    wanted
      .filter((w) => w.label === label)
      .map((w) => w.mask.name)
      .join(' + ');
  for (const { mask, label } of wanted) {
    let count = 0;
    let lost = 0;
    const base = channels ? values.indexOf(label) * size : 0;
    const value = channels ? 1 : label;
    const remarks = await mask.paint((index) => {
      const there = voxels[base + index]!;
      if (there === 0) {
        voxels[base + index] = value;
        count++;
      } else if (there !== value) {
        overlapVoxels++;
        lost++;
        overlaps.set(`${there} ${value}`, (overlaps.get(`${there} ${value}`) ?? 0) + 1);
      }
    });
    reports.set(mask, {
      number: mask.number,
      name: mask.name,
      label,
      voxels: count,
      status: count + lost > 0 ? 'used' : 'empty',
      notes: count === 0 && lost > 0 ? [...remarks, 'every voxel belongs to masks before it'] : remarks,
    });
  }
  if (overlapVoxels > 0 && onOverlap === 'error') {
    const pairs = [...overlaps].map(([pair, count]) => ({
      names: pair.split(' ').map((l) => nameOf(Number(l))),
      voxels: count,
    }));
    throw new FormatError(
      `${file}: masks overlap: ${pairs.map((p) => `${p.names.join(' and ')} in ${p.voxels} voxels`).join('; ')}. Choose priority (the first wins) or channels (one channel each).`,
      { file, field: 'overlap', details: { pairs } },
    );
  }
  return {
    volume: { grid: target.grid, kind: 'labels', channels: channels ? values.map(nameOf) : ['labels'], voxels },
    labels: Object.fromEntries(values.map((label) => [label, nameOf(label)])),
    masks: masks.map(
      (m) =>
        reports.get(m) ?? {
          number: m.number,
          name: m.name,
          label: undefined,
          voxels: 0,
          status: 'unselected',
          notes: [],
        },
    ),
    unmatched,
    overlapVoxels,
    notes,
  };
}
