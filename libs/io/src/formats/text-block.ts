/** Voxels written as decimal numbers: NRRD's ascii encoding, MetaImage without BinaryData. */
import { ByteStream } from '../bytes/byte-stream.ts';
import { collect } from '../bytes/collect.ts';
import { FormatError } from '../errors.ts';
import { STORED_BYTES, bytesOf, isVoxelType, newVoxels } from '../voxels/stored-type.ts';
import type { StoredType } from '../voxels/stored-type.ts';
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
  const words = text.split(/[\s,]+/).filter((w) => w !== '');
  if (words.length < wanted)
    throw new FormatError(`${file ?? 'bytes'}: ${wanted} numbers were expected, ${words.length} are there.`, {
      ...(file === undefined ? {} : { file }),
      field: 'voxels',
      byteOffset: place.offset,
    });
  const bytes = bytesOf(
    numbersOf(words.slice(0, wanted), block.type, (word) => {
      throw new FormatError(`${file ?? 'bytes'}: "${word.slice(0, 20)}" is no ${block.type}.`, {
        ...(file === undefined ? {} : { file }),
        field: 'voxels',
        byteOffset: place.offset,
      });
    }),
  );
  return new ByteStream(
    (async function* () {
      yield bytes;
    })(),
    file,
  );
}

/** Words as numbers of a type. `fail` throws. */
function numbersOf(words: readonly string[], type: StoredType, fail: (word: string) => never): ArrayBufferView {
  if (type === 'int64' || type === 'uint64') {
    const whole = (word: string): bigint => (/^[+-]?\d+$/.test(word) ? BigInt(word.replace('+', '')) : fail(word));
    return type === 'int64' ? BigInt64Array.from(words, whole) : BigUint64Array.from(words, whole);
  }
  if (!isVoxelType(type)) return fail(type);
  const numbers = newVoxels(type, words.length);
  words.forEach((word, i) => {
    const value = Number(word);
    if (Number.isNaN(value) && !/^nan$/i.test(word)) fail(word);
    numbers[i] = value;
  });
  return numbers;
}
