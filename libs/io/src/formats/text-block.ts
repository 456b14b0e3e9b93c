/** Voxels written as decimal numbers: NRRD's ascii encoding, MetaImage without BinaryData. */
import { ByteStream } from '../bytes/byte-stream.ts';
import { collect } from '../bytes/collect.ts';
import { FormatError } from '../errors.ts';
import { STORED_BYTES, bytesOf, newVoxels } from '../voxels/stored-type.ts';
import type { VoxelType } from '../voxels/stored-type.ts';
import { storedBytes } from '../voxels/voxel-block.ts';
import type { VoxelBlock } from '../voxels/voxel-block.ts';
import type { BlockPlace } from './packed-block.ts';

/** Bytes that the numbers of a text take at most once read: each takes two characters at least. */
export function textCapacity({ source, offset }: BlockPlace, { type }: VoxelBlock): number {
  return (Math.max(0, source.available - offset) * STORED_BYTES[type]) / 2 + STORED_BYTES[type];
}

/** Numbers written as text, as if they had been raw in this machine's byte order. Throws: FormatError. */
export async function openText(place: BlockPlace, block: VoxelBlock): Promise<ByteStream> {
  const file = place.source.name;
  const stream = await place.source.streamAt(place.offset, 'voxels');
  const text = new TextDecoder().decode(await collect(stream.rest()));
  const wanted = storedBytes(block) / STORED_BYTES[block.type];
  const type: VoxelType =
    block.type === 'int64' ||
    block.type === 'uint64' ||
    !(block.type in { int8: 1, uint8: 1, int16: 1, uint16: 1, int32: 1, uint32: 1, float32: 1, float64: 1 })
      ? 'float64'
      : (block.type as VoxelType);
  if (type !== block.type)
    throw new FormatError(`${file ?? 'bytes'}: ${block.type} in text is not read.`, {
      ...(file === undefined ? {} : { file }),
      field: 'type',
      byteOffset: 0,
    });
  const words = text.split(/[\s,]+/).filter((w) => w !== '');
  if (words.length < wanted)
    throw new FormatError(`${file ?? 'bytes'}: ${wanted} numbers were expected, ${words.length} are there.`, {
      ...(file === undefined ? {} : { file }),
      field: 'voxels',
      byteOffset: place.offset,
    });
  const numbers = newVoxels(type, wanted);
  for (let i = 0; i < wanted; i++) {
    const value = Number(words[i]);
    if (Number.isNaN(value) && !/^nan$/i.test(words[i]!))
      throw new FormatError(`${file ?? 'bytes'}: "${words[i]!.slice(0, 20)}" is no number.`, {
        ...(file === undefined ? {} : { file }),
        field: 'voxels',
        byteOffset: place.offset,
      });
    numbers[i] = value;
  }
  return new ByteStream(
    (async function* () {
      yield bytesOf(numbers);
    })(),
    file,
  );
}
