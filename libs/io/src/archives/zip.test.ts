import { describe, expect, it } from 'vitest';
import { collect } from '../bytes/collect.ts';
import { Zip, encodeZip, zipChunks } from './zip.ts';
import type { ZipOptions } from './zip.ts';

const files = [0, 1, 150, 4000].map((length, k) => ({
  name: `folder/${k}é.bin`,
  bytes: Uint8Array.from({ length }, (_, i) => (i * (k + 3)) & 31),
}));

describe('zip', () => {
  it.each<readonly [string, ZipOptions]>([
    ['stored', {}],
    ['deflated', { compress: true }],
    ['aligned', { align: 64 }],
    ['64-bit sizes and offsets everywhere', { wideFrom: 0 }],
    ['64-bit sizes of large files, offsets behind them', { wideFrom: 150 }],
    ['64-bit, deflated', { wideFrom: 100, compress: true }],
    ['64-bit, aligned', { wideFrom: 1, align: 64 }],
  ])('%s', async (_name, options) => {
    const bytes = await encodeZip(files, options);
    const zip = new Zip(bytes);
    expect([...zip.entries.keys()]).toEqual(files.map((f) => f.name));
    for (const { name, bytes: wanted } of files) {
      const read = await zip.read(name);
      expect(Uint8Array.from(read)).toEqual(wanted);
      if (options.align !== undefined) expect(read.byteOffset % options.align).toBe(0);
    }
    const hasWideEnd = new TextDecoder('latin1').decode(bytes).includes('PK\x06\x06');
    expect(hasWideEnd).toBe(options.wideFrom !== undefined);
  });

  it.each([false, true])('streams files whose size is not known before, deflated: %s', async (compress) => {
    const chunks = async function* (bytes: Uint8Array): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
    };
    const streamed = files.map(({ name, bytes }, k) => (k === 2 ? { name, bytes } : { name, chunks: chunks(bytes) }));
    const zip = new Zip(await collect(zipChunks(streamed, { compress })));
    for (const { name, bytes } of files) expect(Uint8Array.from(await zip.read(name))).toEqual(bytes);
  });

  it('holds more files than 16 bits count', async () => {
    const many = Array.from({ length: 65_536 }, (_, i) => ({ name: String(i), bytes: new Uint8Array(0) }));
    const zip = new Zip(await collect(zipChunks(many)));
    expect(zip.entries.size).toBe(65_536);
    expect(zip.entries.get('65535')!.size).toBe(0);
  });
});
