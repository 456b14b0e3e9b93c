/** The forest in scratch memory, then numbers for its roots. */
import {
  linearGroups,
  i32,
  u32,
  type Dispatch,
  type GpuScratch,
  type GpuView,
  type WebGpuKernel,
} from '../../devices/webgpu/kernel.ts';
import forestShader from '../../generated/wgsl/components.ts';
import numberShader from '../../generated/wgsl/number-roots.ts';
import { sizeOf } from '../../tensor/spec.ts';
import type { ComponentsOptions } from './components.ts';

/** Voxels that one workgroup numbers. */
const BLOCK = 1024;

export const webgpu: WebGpuKernel<ComponentsOptions> = {
  lower: ({ inputs, outputs: [y], options: { connectivity }, scratch }) => {
    const voxels = sizeOf(y!.shape);
    const blocks = Math.ceil(voxels / BLOCK);
    const forest = componentForest(inputs['x']!, { members: 'labels', connectivity, planar: false }, scratch);
    const before = scratch(blocks * 4);
    const uniforms = [voxels, blocks].map(u32);
    const shader = numberShader;
    const workgroups = linearGroups(blocks, 1);
    return [
      ...forest.dispatches,
      { shader, entryPoint: 'count', bindings: [forest.parent, before, undefined], uniforms, workgroups },
      { shader, entryPoint: 'scan', bindings: [undefined, before, undefined], uniforms, workgroups: [1, 1, 1] },
      { shader, entryPoint: 'number', bindings: [forest.parent, before, y!], uniforms, workgroups },
      {
        shader,
        entryPoint: 'spread',
        bindings: [forest.parent, undefined, y!],
        uniforms,
        workgroups: linearGroups(voxels, 64),
      },
    ];
  },
};

/** Word v + 1 of `parent` holds the first voxel of v's component, plus one; 0 for what belongs to none, or to the outside. */
export interface Forest {
  readonly parent: GpuScratch;
  readonly dispatches: readonly Dispatch[];
}

/** `members`: voxels of equal non-zero labels, or zeros (those at the rim joined through the outside). */
export function componentForest(
  x: GpuView,
  how: { readonly members: 'labels' | 'zeros'; readonly connectivity: 6 | 18 | 26; readonly planar: boolean },
  scratch: (bytes: number) => GpuScratch,
): Forest {
  const parent = scratch((sizeOf(x.shape) + 1) * 4);
  const common = {
    shader: forestShader,
    types: { X: x.storage },
    constants: {
      MEMBERS: how.members === 'labels' ? 0 : 1,
      REACH: { 6: 1, 18: 2, 26: 3 }[how.connectivity],
    },
    bindings: [x, parent],
    uniforms: [...x.shape.slice(1).map(i32), u32(how.planar ? 1 : 0)],
    workgroups: linearGroups(sizeOf(x.shape), 64),
  };
  return { parent, dispatches: ['plant', 'join', 'settle'].map((entryPoint) => ({ ...common, entryPoint })) };
}
