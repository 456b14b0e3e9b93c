/** Masks whose files hold other values than 1, 2, … : 0/255 pictures, one number per instance. They are written anew. */
import type { CaseFiles, Dataset } from '@voxelwise/io';
import { readVolume, writeVolume } from '@voxelwise/io/node';
import { basename, join, relative } from 'node:path';
import { stopIfInterrupted, type Context } from '../context.ts';
import { CommandUsageError, InputError } from '../exit.ts';
import { parseWhole } from '../values.ts';

/** Values of a file that become one label, both ends included. */
interface ValueRange {
  readonly from: number;
  readonly to: number;
  readonly label: number;
}

export interface DeclaredLabels {
  readonly names: readonly string[];
  /** Undefined where every label is written as its own number. */
  readonly values: readonly ValueRange[] | undefined;
}

/**
 * `liver,tumor`; `cell=255`; `nucleus=1..` (from 1 on); `cold=1..9,hot=10..20`. A name without values stands for its position.
 * Throws: CommandUsageError for values that are no range, hold 0, or belong to two names.
 */
export function declaredLabels(text: string): DeclaredLabels {
  const parts = text.split(',').map((part) => part.split('=') as [string, string?]);
  const foreground = parts[0]![0] === 'background' ? parts.slice(1) : parts;
  const names = foreground.map(([name]) => name);
  if (foreground.every(([, values]) => values === undefined)) return { names, values: undefined };
  const values = foreground.map(([name, given = String(foreground.findIndex(([other]) => other === name) + 1)], k) => {
    const [first, last] = given.split('..') as [string, string?];
    const from = parseWhole(first, `--label-names ${name}`);
    const to = last === undefined ? from : last === '' ? Infinity : parseWhole(last, `--label-names ${name}`);
    if (from < 1 || to < from)
      throw new CommandUsageError(
        `--label-names ${name}=${given}: expected values from 1 on, such as 255, 1..9 or 1..`,
      );
    return { from, to, label: k + 1 };
  });
  for (const [k, one] of values.entries()) {
    const other = values.slice(k + 1).find(({ from, to }) => from <= one.to && one.from <= to);
    if (other)
      throw new CommandUsageError(
        `--label-names: ${names[one.label - 1]!} and ${names[other.label - 1]!} both take the value ${Math.max(one.from, other.from)}`,
      );
  }
  return { names, values };
}

/** Writes every training label into `folder` with its values changed; returns the cases with these labels. */
export async function rewriteLabels(
  context: Context,
  { training, tree }: Dataset,
  values: readonly ValueRange[],
  folder: string,
): Promise<readonly CaseFiles[]> {
  const rewritten: CaseFiles[] = [];
  const progress = context.output.progress('labels', training.length, 'case');
  for (const files of training) {
    stopIfInterrupted(context);
    const path = tree.fullPath(files.label!);
    const volume = await readVolume(path, { kind: 'labels' });
    const written = join(folder, basename(path));
    await writeVolume(written, {
      grid: volume.grid,
      kind: 'labels',
      channels: ['labels'],
      voxels: Uint8Array.from(volume.voxels, (value) => labelOf(value, values, path)),
    });
    rewritten.push({ ...files, label: relative(tree.root, written).replaceAll('\\', '/') });
    progress.update(rewritten.length, files.id);
  }
  progress.end();
  return rewritten;
}

/** Throws: InputError for a value that no label takes. */
function labelOf(value: number, values: readonly ValueRange[], file: string): number {
  if (value === 0) return 0;
  for (const { from, to, label } of values) if (value >= from && value <= to) return label;
  throw new InputError(
    'label-unexpected',
    `${file}: holds ${value}, which --label-names gives to no label; name it, such as other=${value}.`,
    file,
    { value },
  );
}
