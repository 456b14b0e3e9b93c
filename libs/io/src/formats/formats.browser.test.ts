/** Files in a browser, where Node's zlib is not: packed volumes both ways, several gzip members, and DICOM of every compression. */
import { alignedGrid } from '@voxelwise/volume';
import type { Volume } from '@voxelwise/volume';
import { expect, it } from 'vitest';
import { collect } from '../bytes/collect.ts';
import { deflate } from '../bytes/deflate.ts';
import { memorySource } from '../dicom/dataset/dicom-source.ts';
import { readDicomVolume } from '../dicom/series/read-volume.ts';
import { decodeVolume, encodeVolume } from '../volume-file.ts';

const image: Volume = {
  grid: alignedGrid([20, 64, 64], [3, 2, 1]),
  kind: 'intensity',
  channels: ['0'],
  voxels: Int16Array.from({ length: 20 * 64 * 64 }, (_, i) => ((i * 2654435761) >>> 20) - 2000),
};
const gzip = async (bytes: Uint8Array): Promise<Uint8Array> =>
  collect(
    deflate(
      (async function* () {
        yield bytes;
      })(),
      'gzip',
      { level: 6 },
    ),
  );
const joined = async (...parts: readonly Uint8Array[]): Promise<Uint8Array> =>
  new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());

it.each(['.nii.gz', '.nrrd', '.mha', '.npz', '.png'])('%s there and back', async (ending) => {
  const given =
    ending === '.png'
      ? { ...image, grid: alignedGrid([1, 64, 64]), voxels: new Uint16Array(image.voxels.subarray(0, 4096)) }
      : image;
  const read = await decodeVolume(await encodeVolume(given, ending), { fileName: `x${ending}` });
  expect([...read.voxels]).toEqual([...given.voxels]);
});

it('reads several gzip members as one file, zeros behind them included', async () => {
  const plain = await encodeVolume(image, '.nii');
  const members = await Promise.all([
    gzip(plain.subarray(0, 100)),
    gzip(plain.subarray(100, 70_000)),
    gzip(plain.subarray(70_000)),
  ]);
  for (const tail of [[], [new Uint8Array(512)]]) {
    const read = await decodeVolume(await joined(...members, ...tail), { fileName: 'x.nii.gz' });
    expect(read.voxels).toEqual(image.voxels);
  }
});

it('refuses a damaged member, whichever it is', async () => {
  const plain = await encodeVolume(image, '.nii');
  const members = [await gzip(plain.subarray(0, 50_000)), await gzip(plain.subarray(50_000))];
  for (const which of [0, 1])
    for (const place of [0.3, 0.7, 1]) {
      const hurt = members.map((m) => m.slice());
      // The last bytes are the checksum and the length.
      hurt[which]![Math.floor((hurt[which]!.length - 8) * place)]! ^= 0x5a;
      await expect(decodeVolume(await joined(...hurt), { fileName: 'x.nii.gz' })).rejects.toMatchObject({
        code: 'format',
      });
    }
  await expect(decodeVolume((await joined(...members)).slice(0, -20), { fileName: 'x.nii.gz' })).rejects.toMatchObject({
    code: 'format',
  });
});

const dicom = import.meta.glob('../../fixtures/dicom/syntax/MR_small*.dcm', {
  query: '?url',
  import: 'default',
  eager: true,
}) as Record<string, string>;

it('reads DICOM of every compression to the same voxels', async () => {
  const read = async (name: string): Promise<readonly number[]> => {
    const url = Object.entries(dicom).find(([path]) => path.endsWith(`/${name}.dcm`))![1];
    const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
    return [...(await readDicomVolume([memorySource(name, bytes)])).volume.voxels];
  };
  const wanted = await read('MR_small_implicit');
  expect(wanted).toHaveLength(4096);
  for (const name of ['MR_small_RLE', 'MR_small_jp2klossless', 'MR_small_jpeg_ls_lossless', 'MR_small_expb'])
    expect(await read(name)).toEqual(wanted);
});
