/** Images where another volume says so. Source: MONAI's MaskIntensity, TorchIO's Mask. */
import { readVoxels, withVoxels } from '../contract/host.ts';
import { mapVolumesInTurn, type Application, type Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';

export interface MaskParameters {
  /** `labels`, or the name of a further volume, on the grid of the images; one channel, or as many as the images have. */
  readonly by: string;
  /** What the images become outside. */
  readonly outside: number;
}

export const maskApplication: Application<MaskParameters> = {
  name: 'maskBy',
  apply: async (scene, { by, outside }) => {
    const mask = by === 'labels' ? scene.labels : scene.volumes?.[by];
    if (mask === undefined)
      throw new TransformError(`maskBy: case ${scene.id} has no volume '${by}' to mask with.`, { case: scene.id, by });
    const inside = (await readVoxels(mask)).data;
    return mapVolumesInTurn(scene, async (volume) => {
      if (volume.kind === 'labels' || volume === mask) return volume;
      const { data, shape } = await readVoxels(volume);
      const same = mask.grid.shape.every((n, axis) => n === volume.grid.shape[axis]);
      if (!same || (data.length !== inside.length && mask.voxels.shape[0] !== 1))
        throw new TransformError(
          `maskBy: '${by}' of case ${scene.id} is [${mask.voxels.shape.join(', ')}], the image [${shape.join(', ')}]; expects one channel or as many, on one grid. Resample it first.`,
          { case: scene.id, mask: mask.voxels.shape, image: shape },
        );
      return withVoxels(volume, { data: data.map((x, k) => (inside[k % inside.length]! > 0 ? x : outside)), shape });
    });
  },
};

/** Keeps the images where a volume is above 0. */
export const maskBy = (by: string, { outside = 0 }: { readonly outside?: number } = {}): Transform<MaskParameters> => ({
  ...maskApplication,
  measures: false,
  sample: () => ({ by, outside }),
});
