/** Operations on masks on the WebGPU device. */
import {
  f32,
  i32,
  linearGroups,
  u32,
  type Dispatch,
  type GpuView,
  type GpuWord,
  type WebGpuKernel,
} from '../../devices/webgpu/kernel.ts';
import boundingBoxShader from '../../generated/wgsl/bounding-box.ts';
import fillHolesShader from '../../generated/wgsl/fill-holes.ts';
import labelOutsideShader from '../../generated/wgsl/label-outside.ts';
import masksShader from '../../generated/wgsl/masks.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { componentForest } from '../components/components.webgpu.ts';

export const nonzeroMaskWebgpu: WebGpuKernel = {
  lower: ({ inputs: { x }, outputs: [y] }) => [byValue('nonzero', x!, y!, [u32(0), u32(0)])],
};

export const rangeMaskWebgpu: WebGpuKernel<{ readonly low: number | null; readonly high: number | null }> = {
  lower: ({ inputs: { x }, outputs: [y], options }) => {
    const [low, high] = bounds(x!.dtype, options.low ?? -Infinity, options.high ?? Infinity);
    return [byValue('range', x!, y!, [low, high].map(x!.dtype === 'f32' ? f32 : i32))];
  },
};

/** The least and the greatest number of the dtype within float64 bounds. */
function bounds(dtype: string, low: number, high: number): readonly [number, number] {
  if (dtype !== 'f32')
    return low > 2147483647 || high < -2147483648 || Number.isNaN(low + high)
      ? [1, 0]
      : [Math.max(-2147483648, Math.ceil(low)), Math.min(2147483647, Math.floor(high))];
  return [
    Math.fround(low) < low ? nextAbove(low) : Math.fround(low),
    Math.fround(high) > high ? -nextAbove(-high) : Math.fround(high),
  ];
}

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

/** The least float32 above a number that rounds down. */
function nextAbove(value: number): number {
  float[0] = value;
  if (float[0] === 0) return 2 ** -149;
  bits[0]! += float[0] > 0 ? 1 : -1;
  return float[0];
}

function byValue(entryPoint: string, x: GpuView, y: GpuView, range: readonly GpuWord[]): Dispatch {
  return {
    shader: masksShader,
    entryPoint,
    types: { X: x.storage },
    constants: { BITS: x.dtype === 'f32' ? 0x7fffffff : 0xffffffff },
    bindings: [x, y],
    uniforms: [u32(sizeOf(y.shape)), u32(x.shape[0]!), ...range],
    workgroups: linearGroups(sizeOf(y.shape), 64),
  };
}

export const labelOutsideWebgpu: WebGpuKernel<{ readonly outside: number }> = {
  lower: ({ inputs: { labels, mask }, outputs: [y], options: { outside } }) => [
    {
      shader: labelOutsideShader,
      bindings: [labels!, mask!, y!],
      uniforms: [u32(sizeOf(y!.shape)), u32(sizeOf(mask!.shape)), i32(outside), u32(0)],
      workgroups: linearGroups(sizeOf(y!.shape), 64),
    },
  ],
};

export const boundingBoxWebgpu: WebGpuKernel = {
  lower: ({ inputs, outputs: [y], scratch }) => {
    const mask = inputs['mask']!;
    const [, nz, ny, nx] = mask.shape as [number, number, number, number];
    const box = scratch(24);
    const shader = boundingBoxShader;
    const uniforms = [nz, ny, nx, 0].map(u32);
    return [
      { shader, entryPoint: 'start', bindings: [undefined, box, undefined], uniforms, workgroups: [1, 1, 1] },
      {
        shader,
        entryPoint: 'extend',
        bindings: [mask, box, undefined],
        uniforms,
        workgroups: linearGroups(nz * ny, 64),
      },
      { shader, entryPoint: 'finish', bindings: [undefined, box, y!], workgroups: [1, 1, 1] },
    ];
  },
};

export const fillHolesWebgpu: WebGpuKernel<{ readonly connectivity: 6 | 18 | 26; readonly planar: boolean }> = {
  lower: ({ inputs, outputs: [y], options, scratch }) => {
    const mask = inputs['mask']!;
    const forest = componentForest(mask, { members: 'zeros', ...options }, scratch);
    return [
      ...forest.dispatches,
      {
        shader: fillHolesShader,
        bindings: [mask, forest.parent, y!],
        uniforms: [u32(sizeOf(y!.shape))],
        workgroups: linearGroups(sizeOf(y!.shape), 64),
      },
    ];
  },
};
