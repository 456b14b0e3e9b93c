/** Lowering to one dispatch. */
import { f32, linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/gaussian-noise.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { placedCuts, placeOf, type PlaceInVolume } from '../volume-cuts.ts';
import type { GaussianNoiseOptions } from './gaussian-noise.ts';

export const webgpu: WebGpuKernel<GaussianNoiseOptions & { readonly place?: PlaceInVolume }> = {
  cuts: (call) => placedCuts(call, 'x'),
  lower: ({ inputs, outputs: [y], options }) => {
    const { key, deviations, combine } = options;
    const x = inputs['x']!;
    const { begin, whole } = placeOf(options, x);
    const voxels = sizeOf(whole.slice(1));
    return [
      {
        shader,
        constants: { RICIAN: combine === 'rician' },
        bindings: [x, { table: deviations.map(f32) }, y!],
        uniforms: [
          ...[sizeOf(x.shape), Math.ceil(voxels / 16), key[0], key[1]],
          ...[...x.shape.slice(1), whole[2]!, whole[3]!, ...begin],
        ].map(u32),
        workgroups: linearGroups(sizeOf(x.shape), 64),
      },
    ];
  },
};
