/**
 * HoVer maps: how far each voxel of an instance lies from the instance's center along x and along y, scaled to ±1 at its ends.
 * Source: Graham et al., HoVer-Net, Medical Image Analysis 2019; values as MONAI's ComputeHoVerMaps.
 */
import { tensor } from '@voxelwise/compute';
import type { Application, Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';

export interface HoverMapsParameters {
  /** Name of the volume that is added: two channels, horizontal (x) and vertical (y). */
  readonly name: string;
}

/** Labels are instances, each with a number of its own; volumes are taken slice by slice. */
export const hoverMapsApplication: Application<HoverMapsParameters> = {
  name: 'hoverMaps',
  apply: async (scene, { name }) => {
    if (!scene.labels)
      throw new TransformError(`hoverMaps: case ${scene.id} has no labels to take instances from.`, { case: scene.id });
    const { voxels, grid } = scene.labels;
    const [nz, ny, nx] = grid.shape;
    const plane = ny * nx;
    const labels = await voxels.read();
    const maps = new Float32Array(2 * nz * plane);
    for (let z = 0; z < nz; z++) {
      const instances = new Map<number, number[]>();
      for (let v = z * plane; v < (z + 1) * plane; v++) {
        if (labels[v] === 0) continue;
        const found = instances.get(labels[v]!);
        if (found) found.push(v);
        else instances.set(labels[v]!, [v]);
      }
      for (const members of instances.values())
        [(v: number) => v % nx, (v: number) => Math.floor(v / nx) % ny].forEach((place, channel) => {
          const places = members.map(place);
          const center = places.reduce((a, b) => a + b, 0) / places.length;
          let [low, high] = [0, 0];
          for (const at of places) {
            low = Math.min(low, at - center);
            high = Math.max(high, at - center);
          }
          members.forEach((v, k) => {
            const from = places[k]! - center;
            maps[channel * nz * plane + v] = from < 0 ? -from / low : from > 0 ? from / high : 0;
          });
        });
    }
    const added = {
      grid,
      kind: 'intensity',
      channels: ['horizontal', 'vertical'],
      voxels: tensor(voxels.device, maps, [2, nz, ny, nx]),
    } as const;
    return { ...scene, volumes: { ...scene.volumes, [name]: added } };
  },
};

/** Adds the maps of the labels' instances to the scene. */
export const hoverMaps = (name = 'hover'): Transform<HoverMapsParameters> => ({
  ...hoverMapsApplication,
  measures: false,
  sample: () => ({ name }),
});
