/** Detached headers: voxels in several files, by list or pattern, behind lines, bytes or headers of their own, packed or as text. */
import { gzipSync, deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bytesSource } from '../bytes/byte-source.ts';
import { decodeVolume } from '../volume-file.ts';
import type { DecodedVolume } from './format.ts';

const VOXELS = Int16Array.from({ length: 60 }, (_, i) => i * 37 - 900);
const RAW = new Uint8Array(VOXELS.buffer);
const SLICE = 40;
const slices = (pack: (part: Buffer) => Uint8Array = (part) => part): Uint8Array[] =>
  [0, 1, 2].map((k) => pack(Buffer.from(RAW.subarray(k * SLICE, (k + 1) * SLICE))));
const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const behind = (head: string, bytes: Uint8Array): Uint8Array => Buffer.concat([text(head), bytes]);
type Files = Readonly<Record<string, Uint8Array>>;

function open(fileName: string, bytes: Uint8Array, files: Files): Promise<DecodedVolume> {
  return decodeVolume(bytes, {
    fileName,
    companions: (name) => Promise.resolve(files[name] && bytesSource(files[name], name)),
  });
}

const nrrd = (fields: readonly string[], files: Files, attached?: Uint8Array): Promise<DecodedVolume> => {
  const lines = ['NRRD0004', 'type: short', 'dimension: 3', 'sizes: 5 4 3', 'endian: little', ...fields];
  const head = lines.join('\n') + (attached ? '\n\n' : '\n');
  return open('x.nhdr', attached ? Buffer.concat([text(head), attached]) : text(head), files);
};
const metaimage = (fields: readonly string[], dataFile: string, files: Files): Promise<DecodedVolume> =>
  open(
    'x.mhd',
    text(
      ['NDims = 3', 'DimSize = 5 4 3', 'ElementType = MET_SHORT', ...fields, `ElementDataFile = ${dataFile}\n`].join(
        '\n',
      ),
    ),
    files,
  );
const named = (name: (k: number) => string, parts: readonly Uint8Array[]): Files =>
  Object.fromEntries(parts.map((part, k) => [name(k), part]));

describe('NRRD', () => {
  const cases: readonly [string, readonly string[], Files, Uint8Array?][] = [
    ['a pattern', ['encoding: raw', 'data file: s_%03d.raw 1 3 1'], named((k) => `s_00${k + 1}.raw`, slices())],
    ['a pattern that counts down', ['encoding: raw', 'data file: s%d 5 1 -2'], named((k) => `s${5 - 2 * k}`, slices())],
    [
      'a pattern with the dimension of a file',
      ['encoding: raw', 'data file: s%d 0 2 1 2'],
      named((k) => `s${k}`, slices()),
    ],
    [
      'a list',
      ['encoding: raw', 'data file: LIST', './a b.raw', 'c.raw', 'd.raw'],
      named((k) => ['a b.raw', 'c.raw', 'd.raw'][k]!, slices()),
    ],
    ['packed parts', ['encoding: gzip', 'data file: s%d.gz 0 2 1'], named((k) => `s${k}.gz`, slices(gzipSync))],
    ['a packed file', ['encoding: gzip', 'data file: s.raw.gz'], { 's.raw.gz': gzipSync(RAW) }],
    [
      'bytes passed over inside a packed file',
      ['encoding: gzip', 'byte skip: 4', 'data file: s'],
      { s: gzipSync(behind('four', RAW)) },
    ],
    [
      'lines passed over in each file',
      ['encoding: raw', 'line skip: 2', 'data file: s%d 0 2 1'],
      named(
        (k) => `s${k}`,
        slices((part) => behind('a\nb\n', part)),
      ),
    ],
    [
      'voxels at the end of each file',
      ['encoding: raw', 'byteskip: -1', 'data file: s%d 0 2 1'],
      named(
        (k) => `s${k}`,
        slices((part) => behind('x'.repeat(99), part)),
      ),
    ],
    [
      'lines, then bytes, behind the header',
      ['encoding: raw', 'lineskip: 1', 'byte skip: 3'],
      {},
      behind('a line\nabc', RAW),
    ],
    ['text in big endian, which means nothing', ['encoding: ascii', 'endian: big'], {}, text([...VOXELS].join('\n'))],
  ];
  it.each(cases)('%s', async (_name, fields, files, attached) => {
    const { voxels } = await nrrd(fields, files, attached);
    expect(voxels).toEqual(VOXELS);
  });

  it('takes time as a fourth dimension of space, and the scanner’s axes with a warning', async () => {
    const many = await open(
      'x.nrrd',
      behind(
        'NRRD0004\ntype: short\ndimension: 4\nsizes: 5 4 1 3\nendian: little\nencoding: raw\nspace: left-posterior-superior-time\n' +
          'space directions: (2,0,0,0) (0,3,0,0) (0,0,4,0) (0,0,0,2.5)\nspace origin: (1,2,3,0)\n\n',
        RAW,
      ),
      {},
    );
    expect([many.channels.length, ...many.grid.shape]).toEqual([3, 1, 4, 5]);
    expect([...many.grid.affine.slice(2, 4)]).toEqual([-2, -1]);
    const fields = ['encoding: raw', 'space: scanner-xyz', 'space directions: (2,0,0) (0,3,0) (0,0,4)'];
    const scanner = await nrrd(fields, {}, RAW);
    expect(scanner.source.warnings.map((w) => w.code)).toEqual(['space']);
    expect(scanner.grid.affine[2]).toBe(-2);
  });
});

describe('MetaImage', () => {
  const cases: readonly [string, readonly string[], string, Files][] = [
    ['a pattern', [], 's%03d.raw 1 3 1', named((k) => `s00${k + 1}.raw`, slices())],
    ['a pattern without numbers', [], 's%d', named((k) => `s${k + 1}`, slices())],
    ['a list', [], 'LIST\na\nb\nc', named((k) => 'abc'[k]!, slices())],
    [
      'a list with headers of a size',
      ['HeaderSize = 2'],
      'LIST 2\na\nb\nc',
      named(
        (k) => 'abc'[k]!,
        slices((part) => behind('hh', part)),
      ),
    ],
    [
      'a list with headers of any size',
      ['HeaderSize = -1'],
      'LIST\na\nb\nc',
      named(
        (k) => 'abc'[k]!,
        slices((part) => behind('h'.repeat(part[0]!), part)),
      ),
    ],
    ['packed parts', ['CompressedData = True'], 's%d 0 2 1', named((k) => `s${k}`, slices(deflateSync))],
    ['text', ['BinaryData = False', 'BinaryDataByteOrderMSB = True'], 's', { s: text([...VOXELS].join(' ')) }],
  ];
  it.each(cases)('%s', async (_name, fields, dataFile, files) => {
    expect((await metaimage(fields, dataFile, files)).voxels).toEqual(VOXELS);
  });
});

describe('refusals', () => {
  const files = named((k) => `s${k}`, slices());
  it.each([
    ['data file s3 is missing', ['encoding: raw', 'data file: s%d 0 3 1']],
    ['do not divide into 7 data files', ['encoding: raw', 'data file: LIST', ...'abcdefg']],
    ['lies in another folder', ['encoding: raw', 'data file: LIST', '../s0']],
    ['the list of data files is empty', ['encoding: raw', 'data file: LIST']],
    ['need a first number, a last one and a step', ['encoding: raw', 'data file: s%d']],
    ['are 0 in number', ['encoding: raw', 'data file: s%d 3 1 1']],
    ['at most 60', ['encoding: raw', 'data file: LIST', 's0', 'short', 's2']],
    ['there are fewer', ['encoding: raw', 'line skip: 9', 'data file: s0']],
    ['counts from the end of raw data', ['encoding: gzip', 'byte skip: -1', 'data file: s0']],
  ])('%s', async (message, fields) => {
    const all = {
      ...files,
      short: RAW.subarray(0, 20),
      ...named((k) => 'abcdefg'[k]!, Array<Uint8Array>(7).fill(RAW)),
    };
    await expect(nrrd(fields, all)).rejects.toMatchObject({
      code: 'format',
      message: expect.stringContaining(message),
    });
  });
});
