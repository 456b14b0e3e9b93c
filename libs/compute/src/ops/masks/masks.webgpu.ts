/** Operations on masks on the WebGPU device. */
import {
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
import { sizeOf, type Shape } from '../../tensor/spec.ts';
import { placedCuts, placeOf, spaceCuts, type PlaceInVolume } from '../volume-cuts.ts';
import { componentForest } from '../components/components.webgpu.ts';

export const nonzeroMaskWebgpu: WebGpuKernel = {
  cuts: (call) => spaceCuts(call, ['x']),
  lower: ({ inputs: { x }, outputs: [y] }) => [byValue('nonzero', x!, y!, [0, 0])],
};

export const rangeMaskWebgpu: WebGpuKernel<{ readonly low: number | null; readonly high: number | null }> = {
  cuts: (call) => spaceCuts(call, ['x']),
  lower: ({ inputs: { x }, outputs: [y], options }) => [
    byValue('range', x!, y!, boundKeys(x!.dtype === 'f32', options.low ?? -Infinity, options.high ?? Infinity)),
  ],
};

/** Keys (as in the shader) of the least and the greatest number of the dtype within float64 bounds; none there: [1, 0]. */
function boundKeys(isFloat: boolean, low: number, high: number): readonly [number, number] {
  if (!(low <= high)) return [1, 0];
  if (isFloat) {
    const [least, most] = [floatKey(low), floatKey(high)];
    return [Math.fround(low) < low ? least + 1 : least, Math.fround(high) > high ? most - 1 : most];
  }
  if (low > 2147483647 || high < -2147483648) return [1, 0];
  return [Math.max(-2147483648, Math.ceil(low)), Math.min(2147483647, Math.floor(high))];
}

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

function floatKey(value: number): number {
  float[0] = value;
  if (float[0] === 0) return 0;
  return bits[0]! < 0 ? bits[0]! ^ 0x7fffffff : bits[0]!;
}

function byValue(entryPoint: string, x: GpuView, y: GpuView, keys: readonly [number, number]): Dispatch {
  return {
    shader: masksShader,
    entryPoint,
    constants: { FLOAT: x.dtype === 'f32' },
    bindings: [x, y],
    uniforms: [u32(sizeOf(y.shape)), u32(x.shape[0]!), ...keys.map(i32)],
    workgroups: linearGroups(sizeOf(y.shape), 64),
  };
}

export const labelOutsideWebgpu: WebGpuKernel<{ readonly outside: number }> = {
  cuts: (call) => spaceCuts(call, ['labels', 'mask']),
  lower: ({ inputs: { labels, mask }, outputs: [y], options: { outside } }) => [
    {
      shader: labelOutsideShader,
      bindings: [labels!, mask!, y!],
      uniforms: [u32(sizeOf(y!.shape)), u32(sizeOf(mask!.shape)), i32(outside), u32(0)],
      workgroups: linearGroups(sizeOf(y!.shape), 64),
    },
  ],
};

export const boundingBoxWebgpu: WebGpuKernel<{ readonly place?: PlaceInVolume }> = {
  // Parts tell how far from the end they begin, so that all six numbers join as the greatest.
  cuts: (call) =>
    placedCuts(call, 'mask', ['max']).map((cut) => ({
      ...cut,
      finish: ({ outputs: [y] }) => [
        {
          shader: boundingBoxShader,
          entryPoint: 'restore',
          bindings: [undefined, undefined, y!],
          uniforms: boxUniforms(placeOf(call.options, call.inputs['mask']!), call.inputs['mask']!.shape),
          workgroups: [1, 1, 1],
        },
      ],
    })),
  lower: ({ inputs, outputs: [y], options, scratch }) => {
    const mask = inputs['mask']!;
    const [, nz, ny] = mask.shape as [number, number, number, number];
    const box = scratch(24);
    const shader = boundingBoxShader;
    const uniforms = boxUniforms(placeOf(options, mask), mask.shape);
    const isPart = options.place !== undefined;
    return [
      { shader, entryPoint: 'start', bindings: [undefined, box, undefined], uniforms, workgroups: [1, 1, 1] },
      {
        shader,
        entryPoint: 'extend',
        bindings: [mask, box, undefined],
        uniforms,
        workgroups: linearGroups(nz * ny, 64),
      },
      {
        shader,
        entryPoint: isPart ? 'hand_on' : 'finish',
        bindings: [undefined, box, y!],
        ...(isPart ? { uniforms } : {}),
        workgroups: [1, 1, 1],
      },
    ];
  },
};

function boxUniforms({ begin, whole }: PlaceInVolume, own: Shape): GpuWord[] {
  return [...own.slice(1), 0, ...begin.slice(1), 0, ...whole.slice(1), 0].map(u32);
}

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
