/**
 * An operation of one's own, outside the library: leakyRelu(a + b) fused into one pass. Its reference is the composition it
 * replaces; its WASM kernel comes from a module compiled here, its WebGPU kernel from a shader beside this file.
 */
import {
  defineGradient,
  defineOp,
  float,
  int,
  linearGroups,
  pointer,
  registerGradient,
  registerKernel,
  ShapeError,
  sizeOf,
  storedBytes,
  u32,
  f32,
  type Tensor,
  type WasmKernel,
  type WasmKernelModule,
  type WebGpuKernel,
} from '@voxelwise/compute';

export interface ResidualOptions {
  readonly slope: number;
}

export const residual = defineOp<{ a: Tensor; b: Tensor }, ResidualOptions>({
  name: 'residual',
  defaults: { slope: 0.01 },
  shape: ({ a, b }) => {
    if (a.shape.join() !== b.shape.join())
      throw new ShapeError(
        `residual: a and b have one shape, came [${a.shape.join(', ')}] and [${b.shape.join(', ')}].`,
        {},
      );
    return { shape: a.shape, dtype: 'f32' };
  },
  kernels: {
    reference: ({ a, b }, { slope }, [y]) => {
      for (let k = 0; k < y.data.length; k++)
        y.data[k] = Math.max(a.data[k] + b.data[k], slope * (a.data[k] + b.data[k]));
    },
  },
  cases: [{ name: 'typical', inputs: { a: { shape: [2, 8, 3, 4, 5] }, b: { shape: [2, 8, 3, 4, 5] } } }],
  tolerance: { f32: 1e-6 },
});

const residualGradient = defineOp<{ y: Tensor; dy: Tensor }, ResidualOptions>({
  name: 'residualGradient',
  defaults: { slope: 0.01 },
  shape: ({ y }) => ({ shape: y.shape, dtype: 'f32' }),
  kernels: {
    reference: ({ y, dy }, { slope }, [dx]) => {
      for (let k = 0; k < dx.data.length; k++) dx.data[k] = dy.data[k] * (y.data[k] > 0 ? 1 : slope);
    },
  },
  cases: [],
  tolerance: { f32: 1e-6 },
});

/** One call over all stored numbers, in whichever layout the first input comes (0 stays 0, so padding stays zero). */
function flat(
  module: WasmKernelModule,
  kernel: string,
  [first, second]: readonly [string, string],
): WasmKernel<ResidualOptions> {
  return {
    module,
    layouts: ({ inputs }) => {
      const layout = inputs[first]!.layout;
      return { inputs: { [first]: layout, [second]: layout }, outputs: [layout] };
    },
    lower: ({ inputs, outputs: [out], options: { slope } }) => [
      {
        kernel,
        args: [
          pointer(inputs[first]!),
          pointer(inputs[second]!),
          pointer(out),
          int(storedBytes(out, out.layout) / 4),
          float(slope),
        ],
      },
    ],
  };
}

function onGpu(shader: string): WebGpuKernel<ResidualOptions> {
  return {
    lower: ({ inputs, outputs: [y], options: { slope } }) => [
      {
        shader,
        bindings: [inputs['a']!, inputs['b']!, y],
        uniforms: [u32(sizeOf(y.shape)), f32(slope)],
        workgroups: linearGroups(sizeOf(y.shape), 64),
      },
    ],
  };
}

/** Gives the operation its kernels and its derivative; returns what takes them away again. */
export function install(wasm: Uint8Array<ArrayBuffer>, wgsl: string): () => void {
  const module: WasmKernelModule = { name: 'own-kernel', bytes: wasm };
  const undo = [
    registerKernel(residual, 'wasm', flat(module, 'residual', ['a', 'b'])),
    registerKernel(residualGradient, 'wasm', flat(module, 'residual_gradient', ['y', 'dy'])),
    registerKernel(residual, 'webgpu', onGpu(wgsl)),
    registerGradient(
      defineGradient(residual, ({ outputs: [y], dy, options }) => {
        const dx = residualGradient({ y, dy }, options);
        return { a: dx, b: dx };
      }),
    ),
  ];
  return () => undo.forEach((back) => back());
}
