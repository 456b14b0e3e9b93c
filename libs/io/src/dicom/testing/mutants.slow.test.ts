/** Mutated DICOM: every mutant is read or refused with a FormatError, quickly, and without memory its bytes cannot justify. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../errors.ts';
import { memorySource } from '../dataset/dicom-source.ts';
import { parseDicom } from '../dataset/parse.ts';
import { readSegmentation } from '../segmentation/read-segmentation.ts';
import { targetOfGrid } from '../segmentation/target.ts';
import { readDicomVolume } from '../series/read-volume.ts';
import { isSegmentation } from '../series/scan.ts';
import { readStructures } from '../structures/read-structures.ts';
import { alignedGrid } from '@voxelwise/volume';
import { bytesOf, fixtures } from './corpus.ts';

const MUTANTS = Number(process.env['VOXELWISE_MUTANTS'] ?? 20_000);
const SEED = Number(process.env['VOXELWISE_SEED'] ?? 20_261_121);
const SLOWEST_MS = 2000;
const WHOLE_SERIES: readonly unknown[] = [
  'tilt',
  'missing-slice',
  'uneven-spacing',
  'off-line-slice',
  'mixed-size',
  'mixed-spacing',
  'not-a-volume',
  'duplicate-slice',
  '(0020,000e) SeriesInstanceUID',
  'overlap',
];
/** Values a file of some kilobytes may decode to in one array: a black picture of 2048 × 2048 in 32 bits, or what deflate can expand. */
const allowed = (bytes: number): number => 4 * (2048 * 2048 + 8300 * bytes) + 2 ** 20;

/** Records the largest typed array made while `body` runs. */
async function largestArray(body: () => Promise<void>): Promise<number> {
  let largest = 0;
  const kinds = [
    'Uint8Array',
    'Int8Array',
    'Uint16Array',
    'Int16Array',
    'Uint32Array',
    'Int32Array',
    'Float32Array',
    'Float64Array',
  ] as const;
  const scope = globalThis as unknown as Record<string, new (...given: unknown[]) => unknown>;
  const real = kinds.map((kind) => scope[kind]!);
  kinds.forEach((kind, i) => {
    const width = (real[i] as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
    scope[kind] = new Proxy(real[i]!, {
      construct(target, given: unknown[], self): object {
        if (typeof given[0] === 'number') largest = Math.max(largest, given[0] * width);
        return Reflect.construct(target, given, self) as object;
      },
    });
  });
  try {
    await body();
  } finally {
    kinds.forEach((kind, i) => (scope[kind] = real[i]!));
  }
  return largest;
}

/** xorshift32: the same mutants on every run. */
function generator(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const interesting = [0, 1, 2, 0x7f, 0x80, 0xff, 0xfe, 0xd8, 0x4f, 0x51];
const lengths = [0, 1, 0xff, 0xffff, 0x7fffffff, 0xfffffffe, 0xffffffff, 0x10000000];

function mutate(original: Uint8Array, random: (below: number) => number): Uint8Array {
  let bytes = original.slice();
  const view = (): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Headers are where structure lies: half of all changes hit the first kilobytes.
  const place = (width: number): number =>
    random(Math.max(1, (random(2) === 0 ? Math.min(bytes.length, 2500) : bytes.length) - width));
  for (let changes = 1 + random(6); changes > 0; changes--) {
    const kind = random(9);
    if (kind < 3) bytes[place(1)] = random(256);
    else if (kind === 3) bytes[place(1)]! ^= 1 << random(8);
    else if (kind === 4) bytes[place(1)] = interesting[random(interesting.length)]!;
    else if (kind === 5 && bytes.length > 8)
      view().setUint32(place(4), lengths[random(lengths.length)]!, random(4) > 0);
    else if (kind === 6) bytes = bytes.slice(0, 1 + random(bytes.length));
    else if (kind === 7) {
      const [from, to, count] = [place(1), place(1), 1 + random(64)];
      bytes.copyWithin(to, from, from + count);
    } else {
      const [at, count] = [place(1), 1 + random(40)];
      const grown = new Uint8Array(bytes.length + count);
      grown.set(bytes.subarray(0, at));
      grown.set(bytes.subarray(Math.max(0, at - count), at), at);
      grown.set(bytes.subarray(at), at + count);
      bytes = grown;
    }
  }
  return bytes;
}

function corpusFiles(): { name: string; bytes: Uint8Array }[] {
  const under = (folder: string): string[] =>
    readdirSync(join(fixtures.folder, folder)).flatMap((name) =>
      statSync(join(fixtures.folder, folder, name)).isDirectory() ? under(`${folder}/${name}`) : [`${folder}/${name}`],
    );
  const names = [
    ...under('syntax'),
    ...under('objects'),
    ...under('values').filter((name) => name.endsWith('.dcm')),
    'hippo_case/rtstruct.dcm',
    'hippo_case/seg_binary_2segments.dcm',
    'hippo_case/image/000.dcm',
    'series/rgb_j2k/IM-0001-0001-0001.dcm',
  ];
  return names.map((name) => ({ name, bytes: bytesOf(fixtures, name) })).filter((f) => f.bytes.length < 60_000);
}

const target = targetOfGrid(alignedGrid([4, 32, 32]));

async function readAnything(bytes: Uint8Array, name: string): Promise<void> {
  const file = parseDicom(bytes, name);
  if (isSegmentation(file)) await readSegmentation(file, { onOverlap: 'priority', onUnmatched: 'report' });
  else if (name.includes('rt') && file.pixels === undefined)
    await readStructures(file, { target, onOverlap: 'priority', onUnmatched: 'report' });
  else await readDicomVolume([memorySource(name, bytes)], { onTilt: 'shear' });
}

describe('mutated DICOM', () => {
  it(`${MUTANTS} mutants are read or refused with their place`, async () => {
    const files = corpusFiles();
    expect(files.length).toBeGreaterThan(40);
    const random = generator(SEED);
    const counts = { read: 0, refused: 0 };
    let slowest = 0;
    for (let n = 0; n < MUTANTS; n++) {
      const { name, bytes } = files[n % files.length]!;
      const mutant = mutate(bytes, random);
      const start = performance.now();
      const used = process.cpuUsage();
      try {
        let failure: unknown;
        const largest = await largestArray(() =>
          readAnything(mutant, name).catch((error: unknown) => void (failure = error)),
        );
        if (largest > allowed(mutant.length))
          throw new Error(`mutant ${n} of ${name} (seed ${SEED}): ${mutant.length} bytes made an array of ${largest}`);
        if (failure !== undefined) throw failure;
        counts.read++;
      } catch (error) {
        if (!(error instanceof FormatError))
          throw new Error(`mutant ${n} of ${name} (seed ${SEED}) is not refused with a FormatError`, { cause: error });
        expect(error.message.length).toBeGreaterThan(10);
        expect(error.field).toBeDefined();
        expect(error.file, error.message).toBeDefined();
        // What only the whole series shows lies at no one byte.
        if (error.byteOffset === undefined) expect(WHOLE_SERIES, error.message).toContain(error.field);
        counts.refused++;
      }
      // On a machine busy with other things the wall clock blames us for their time.
      const { user, system } = process.cpuUsage(used);
      const took = Math.min(performance.now() - start, (user + system) / 1000);
      if (took > slowest) slowest = took;
      if (took > SLOWEST_MS) throw new Error(`mutant ${n} of ${name} (seed ${SEED}) took ${took.toFixed(0)} ms`);
    }
    expect(counts.read + counts.refused).toBe(MUTANTS);
    expect(counts.read).toBeGreaterThan(MUTANTS / 20);
    expect(counts.refused).toBeGreaterThan(MUTANTS / 5);
  }, 600_000);
});
