/** Boxes of voxels replaced, and a mask applied. */
import { hostIntensity, perChannel, type HostVoxels } from '../contract/host.ts';
import type { Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';

export interface DropoutParameters {
  /** First voxels of the boxes. */
  readonly starts: readonly (readonly number[])[];
  readonly size: readonly number[];
  readonly fill: number;
}

export const dropoutApplication = hostIntensity<DropoutParameters>(
  'coarseDropout',
  (voxels: HostVoxels, { starts, size, fill }) => {
    const [, nz, ny, nx] = voxels.shape;
    return perChannel(voxels, (channel) => {
      const data = Float64Array.from(channel);
      for (const [z0, y0, x0] of starts as readonly (readonly [number, number, number])[])
        for (let z = z0; z < Math.min(nz, z0 + size[0]!); z++)
          for (let y = y0; y < Math.min(ny, y0 + size[1]!); y++)
            data.fill(fill, (z * ny + y) * nx + x0, (z * ny + y) * nx + Math.min(nx, x0 + size[2]!));
      return data;
    });
  },
);

/** `holes` boxes anywhere inside the image. Throws: TransformError if a box is larger than the image. */
export const coarseDropout = ({
  holes,
  size,
  fill = 0,
}: {
  readonly holes: number;
  readonly size: readonly number[];
  readonly fill?: number;
}): Transform<DropoutParameters> => ({
  ...dropoutApplication,
  measures: false,
  sample: ({ images }, rng) => {
    const { shape } = images.grid;
    if (size.some((n, axis) => n > shape[axis]!))
      throw new TransformError(
        `coarseDropout: boxes of [${size.join(', ')}] voxels do not fit an image of [${shape.join(', ')}].`,
        { size, shape },
      );
    return {
      size,
      fill,
      starts: Array.from({ length: holes }, () => shape.map((n, axis) => rng.integer(0, n - size[axis]! + 1))),
    };
  },
});
