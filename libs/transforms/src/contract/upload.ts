/** From the door to the device: a case's voxels become tensors, images f32 and labels i32. */
import { tensor, type Device, type Tensor } from '@voxelwise/compute';
import type { Case, Volume } from '@voxelwise/volume';
import { TransformError } from '../errors.ts';
import type { Scene } from './transform.ts';

/** Throws: TransformError if voxels and shape do not fit. The caller disposes the tensors. */
export function upload(subject: Case, device: Device): Scene {
  return {
    id: subject.id,
    images: uploadVolume(subject.images, device, subject.id),
    ...(subject.labels ? { labels: uploadVolume(subject.labels, device, subject.id) } : {}),
  };
}

function uploadVolume(volume: Volume, device: Device, id: string): Volume<Tensor> {
  const shape = [volume.channels.length, ...volume.grid.shape];
  const size = shape.reduce((a, b) => a * b, 1);
  if (volume.voxels.length !== size)
    throw new TransformError(
      `upload: ${volume.kind} of case ${id} hold ${volume.voxels.length} voxels, [${shape.join(', ')}] needs ${size}.`,
      { case: id, shape },
    );
  const host =
    volume.kind === 'labels'
      ? Int32Array.from(volume.voxels)
      : volume.voxels instanceof Float32Array
        ? volume.voxels
        : Float32Array.from(volume.voxels);
  return { ...volume, voxels: tensor(device, host, shape) };
}
