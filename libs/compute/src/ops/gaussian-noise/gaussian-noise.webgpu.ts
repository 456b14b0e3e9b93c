/** Lowering to one dispatch. */
import { f32, linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/gaussian-noise.ts';
import { sizeOf } from '../../tensor/spec.ts';
import type { GaussianNoiseOptions } from './gaussian-noise.ts';

export const webgpu: WebGpuKernel<GaussianNoiseOptions> = {
  lower: ({ inputs, outputs: [y], options: { key, deviations, combine } }) => {
    const x = inputs['x']!;
    const voxels = sizeOf(x.shape.slice(1));
    return [
      {
        shader,
        constants: { RICIAN: combine === 'rician' },
        bindings: [x, { table: deviations.map(f32) }, y!],
        uniforms: [sizeOf(x.shape), voxels, Math.ceil(voxels / 16), key[0], key[1], 0, 0, 0].map(u32),
        workgroups: linearGroups(sizeOf(x.shape), 64),
      },
    ];
  },
};
