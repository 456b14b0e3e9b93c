/** Checks that a volume is what its fields say, for code that was handed one from outside. */
import { GeometryError } from './errors.ts';
import { voxelCount } from './grid.ts';
import type { Volume } from './volume.ts';

/**
 * Throws: GeometryError if the shape is not three positive whole numbers, the affine is not 16 finite numbers,
 * the voxels do not fill `channels x shape`, or a label volume has not exactly one channel.
 */
export function checkVolume(volume: Volume): void {
  const { shape, affine } = volume.grid;
  if (shape.length !== 3 || !shape.every((n) => Number.isInteger(n) && n > 0))
    throw new GeometryError(
      `checkVolume: shape must be three positive whole numbers [z, y, x], came [${shape.join(', ')}].`,
      { shape },
    );
  if (affine.length !== 16 || !affine.every(Number.isFinite))
    throw new GeometryError('checkVolume: the affine must be 16 finite numbers (row-major 4x4).', {
      affine: [...affine],
    });
  const expected = volume.channels.length * voxelCount(shape);
  if (volume.voxels.length !== expected)
    throw new GeometryError(
      `checkVolume: ${volume.channels.length} channel(s) of [${shape.join(', ')}] need ${expected} voxels, came ${volume.voxels.length}.`,
      { expected, found: volume.voxels.length },
    );
  if (volume.kind === 'labels' && volume.channels.length !== 1)
    throw new GeometryError(`checkVolume: a label volume has one channel, came ${volume.channels.length}.`, {
      channels: volume.channels,
    });
}
