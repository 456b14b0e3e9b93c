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
    ...(subject.points ? { points: checkedPoints(subject.points, subject.id) } : {}),
  };
}

/** Throws: TransformError for points that are not three finite numbers each. */
function checkedPoints(points: NonNullable<Case['points']>, id: string): NonNullable<Case['points']> {
  for (const [name, set] of Object.entries(points))
    for (const [k, point] of set.entries())
      if (point.length !== 3 || !point.every(Number.isFinite))
        throw new TransformError(
          `upload: point ${k} of '${name}' in case ${id} is three finite numbers (RAS+ millimetres), came [${point.join(', ')}].`,
          { case: id, set: name, index: k },
        );
  return points;
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
