/** The data files that a detached NRRD or MetaImage header names: one, a list, or a pattern with numbers. */
import type { ByteSource } from '../bytes/byte-source.ts';
import type { DecodeOptions } from './format.ts';

/** More slices than any volume has; a header cannot ask for more files. */
const MOST_FILES = 65536;

export interface DataFileNames {
  /** `name.raw`, `slice%03d.raw first last step`, or `LIST`. */
  readonly text: string;
  /** The lines behind `LIST`. */
  readonly listed: readonly string[];
  /** Numbers of a pattern that gives none: MetaImage's are 1, the number of slices and 1. */
  readonly range?: readonly [number, number, number];
}

/** The names, in the order of the slices. `fail` throws. */
export function dataFileNames(
  { text, listed, range }: DataFileNames,
  fail: (message: string) => never,
): readonly string[] {
  const names = /^LIST\b/.test(text) ? listed.map((line) => line.trim()).filter((line) => line !== '') : numbered();
  if (names.length === 0) return fail('the list of data files is empty.');
  const plain = names.map((name) => name.replace(/^\.[/\\]/, ''));
  const outside = plain.find((name) => name === '' || name === '..' || /[/\\]/.test(name));
  return outside === undefined
    ? plain
    : fail(`the data file "${outside}" lies in another folder; put it beside the header.`);

  function numbered(): readonly string[] {
    const pattern = /^(\S*%0?\d*[diu]\S*)((?:\s+-?\d+)*)$/.exec(text);
    if (!pattern) return [text];
    const given = pattern[2]!.trim().split(/\s+/).filter(Boolean).map(Number);
    const [first, last, step] = given.length >= 3 ? (given as [number, number, number]) : (range ?? []);
    if (first === undefined || last === undefined || step === undefined || step === 0)
      return fail(`the data files "${text}" need a first number, a last one and a step.`);
    const count = Math.floor((last - first) / step) + 1;
    if (count < 1 || count > MOST_FILES) return fail(`the data files "${text}" are ${Math.max(0, count)} in number.`);
    return Array.from({ length: count }, (_, i) =>
      pattern[1]!.replace(/%(0?)(\d*)[diu]/, (_match, zero: string, width: string) =>
        String(first + i * step).padStart(Math.min(Number(width), 64), zero === '' ? ' ' : '0'),
      ),
    );
  }
}

/** The data files themselves, from beside the header. `fail` throws. */
export async function dataFiles(
  names: readonly string[],
  { companions }: DecodeOptions,
  fail: (message: string) => never,
): Promise<readonly ByteSource[]> {
  const found: ByteSource[] = [];
  for (const name of names) found.push((await companions?.(name)) ?? fail(`its data file ${name} is missing.`));
  return found;
}

/** The byte behind `count` line ends, counted from `offset`; undefined where the head of the file has fewer. */
export function behindLines(head: Uint8Array, offset: number, count: number): number | undefined {
  let at = offset;
  for (let i = 0; i < count; i++) {
    const end = head.indexOf(10, at);
    if (end < 0) return undefined;
    at = end + 1;
  }
  return at;
}
