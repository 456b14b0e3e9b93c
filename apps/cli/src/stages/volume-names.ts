/** Which files a conversion of volumes reads and writes, by the endings that formats have. */
import { FORMATS, endingOf } from '@voxelwise/io';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CommandUsageError, InputError } from '../exit.ts';
import { exists } from '../files.ts';
import { VOLUME_ENDINGS } from '../volume-endings.ts';
import { volumesIn } from './volume-conversion.ts';

/** Endings of volumes in a folder: not the second file of a pair, nor what other programs call their files too. */
const READABLE = FORMATS.flatMap(({ endings }) => endings).filter((ending) => !/^\.(img|rec|st)/.test(ending));

/** Endings of files that can be written, the longest first. */
const WRITABLE = FORMATS.filter(({ encode }) => encode)
  .flatMap(({ endings }) => endings)
  .sort((a, b) => b.length - a.length);

/**
 * `--out` as a file: a folder, or a name without an ending, gets the source's name in the form asked for.
 * Throws: CommandUsageError for an ending that is not written, or that says something else than `--to`.
 */
export async function outFile(out: string, source: string, to: string | undefined): Promise<string> {
  const wanted = VOLUME_ENDINGS[to ?? 'nifti']!;
  const ending = WRITABLE.find((one) => out.toLowerCase().endsWith(one));
  const folder = exists(out) && (await stat(out)).isDirectory();
  if (folder || (ending === undefined && (to !== undefined || !/\.[A-Za-z][A-Za-z0-9]*$/.test(out))))
    return join(out, basename(source, endingOf(source)) + wanted);
  if (ending === undefined)
    throw new CommandUsageError(`--out ${out}: no format that is written ends so; use ${WRITABLE.join(', ')}`);
  if (to !== undefined && formatOf(ending) !== formatOf(wanted))
    throw new CommandUsageError(`--out ${out} ends in ${ending}, --to says ${to}; leave one of them away`);
  return out;
}

const formatOf = (ending: string): string | undefined => FORMATS.find(({ endings }) => endings.includes(ending))?.name;

/** The volumes of a file or folder, and where each goes. */
export async function volumeWork(
  source: string,
  out: string,
  to: string | undefined,
): Promise<readonly { readonly source: string; readonly output: string }[]> {
  if (!(await stat(source)).isDirectory()) return [{ source, output: await outFile(out, source, to) }];
  const files = await volumesIn(source, READABLE);
  if (files.length === 0)
    throw new InputError('no-images', `${source}: holds no volumes (${READABLE.join(', ')}) and no DICOM.`, source);
  if (to === undefined)
    throw new CommandUsageError(`convert of a folder needs --to: ${Object.keys(VOLUME_ENDINGS).join(', ')}`);
  return files.map((file) => ({
    source: file,
    output: join(out, basename(file, endingOf(file)) + VOLUME_ENDINGS[to]!),
  }));
}
