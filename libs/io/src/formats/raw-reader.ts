/** A `VolumeReader` over a block of raw numbers behind a header: what most formats are once their header is understood. */
import { worldOf } from '@voxelwise/volume';
import type { Grid, Volume } from '@voxelwise/volume';
import type { ByteStream } from '../bytes/byte-stream.ts';
import { FormatError } from '../errors.ts';
import { channelCount, isStraight, readBlock, storedBytes, valueType, voxelsOver } from '../voxels/voxel-block.ts';
import type { SlabRange, VoxelBlock } from '../voxels/voxel-block.ts';
import { voxelTypeOf } from '../voxels/stored-type.ts';
import type { DecodeOptions, DecodedVolume, VolumeReader, VolumeSource } from './format.ts';

export interface RawVolume {
  readonly grid: Grid;
  readonly kind: Volume['kind'];
  /** Names of the channels, where the file knows them. */
  readonly channels?: readonly string[];
  readonly block: VoxelBlock;
  readonly source: VolumeSource;
  /** A stream that stands at the first voxel. */
  open(): Promise<ByteStream>;
  /** The bytes of the block in memory of their own, checked to the end of the file; undefined where `open` is as good. */
  bytes?(length: number): Promise<Uint8Array | undefined>;
  /** Called after the last voxel of a full read. */
  finish(stream: ByteStream): Promise<void>;
}

/** Throws: FormatError if `options.channels` does not name every channel, or a label volume has several. */
export function rawReader(raw: RawVolume, options: DecodeOptions): VolumeReader {
  const { grid, block, source } = raw;
  const count = channelCount(block);
  const kind = options.kind ?? raw.kind;
  const channels = options.channels ?? raw.channels ?? Array.from({ length: count }, (_, i) => String(i));
  const file = options.fileName;
  if (channels.length !== count)
    throw new FormatError(
      `${file ?? 'bytes'}: holds ${count} channel(s), ${channels.length} name(s) were given (${channels.join(', ')}).`,
      {
        ...(file === undefined ? {} : { file }),
        field: 'channels',
        details: { found: count, expected: channels.length },
      },
    );
  if (kind === 'labels' && count !== 1)
    throw new FormatError(
      `${file ?? 'bytes'}: a label image has one value per voxel, this file has ${count} (4D or color); keep one volume of it.`,
      {
        ...(file === undefined ? {} : { file }),
        field: 'shape',
        details: { channels: count },
      },
    );
  const finished = (volume: Grid, voxels: Volume['voxels']): DecodedVolume => ({
    grid: volume,
    kind,
    channels,
    voxels,
    source,
  });
  return {
    grid,
    kind,
    channels,
    source,
    type: valueType(block),
    async read() {
      const bytes = isStraight(block) ? await raw.bytes?.(storedBytes(block)) : undefined;
      const inPlace = bytes && voxelsOver(bytes, block);
      if (inPlace) return finished(grid, inPlace);
      const stream = await raw.open();
      try {
        const voxels = await readBlock(stream, block);
        await raw.finish(stream);
        return finished(grid, voxels);
      } finally {
        await stream.close();
      }
    },
    async readSlab([from, to]) {
      checkSlab(from, to, grid.shape[0]);
      const stream = await raw.open();
      try {
        const voxels = await readBlock(stream, block, [from, to]);
        return finished(slabGrid(grid, [from, to]), voxels);
      } finally {
        await stream.close();
      }
    },
  };
}

function checkSlab(from: number, to: number, slices: number): void {
  if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && to > from && to <= slices))
    throw new RangeError(`readSlab: expected 0 <= from < to <= ${slices}, came [${from}, ${to}].`);
}

/** The grid of slices [from, to). */
export function slabGrid(grid: Grid, [from, to]: SlabRange): Grid {
  const affine = grid.affine.slice();
  const origin = worldOf(grid, [from, 0, 0]);
  [affine[3], affine[7], affine[11]] = origin;
  return { shape: [to - from, grid.shape[1], grid.shape[2]], affine };
}

/** A reader over voxels that a format had to decode as a whole (PNG, TIFF). */
export function wholeReader(volume: DecodedVolume): VolumeReader {
  const { grid, kind, channels, source, voxels } = volume;
  return {
    grid,
    kind,
    channels,
    source,
    type: voxelTypeOf(voxels),
    read: () => Promise.resolve(volume),
    readSlab([from, to]) {
      checkSlab(from, to, grid.shape[0]);
      const plane = grid.shape[1] * grid.shape[2];
      const step = plane * grid.shape[0];
      const part = new (voxels.constructor as new (n: number) => Volume['voxels'])(
        channels.length * (to - from) * plane,
      );
      channels.forEach((_, c) =>
        part.set(voxels.subarray(c * step + from * plane, c * step + to * plane), c * (to - from) * plane),
      );
      return Promise.resolve({ ...volume, grid: slabGrid(grid, [from, to]), voxels: part });
    },
  };
}
