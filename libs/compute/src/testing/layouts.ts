/** Operations only tests need: force a layout, look at what is really stored. */
import { int, pointer } from '../devices/wasm/kernel.ts';
import { BLOCK, storedBytes } from '../devices/wasm/layouts.ts';
import { mayBeHalf } from '../devices/webgpu/compile.ts';
import { linearGroups, u32 } from '../devices/webgpu/kernel.ts';
import { fromHalf, toHalf } from '../devices/webgpu/storage.ts';
import convertShader from '../generated/wgsl/convert.ts';
import { defineOp, type HostTensor } from '../op/op.ts';
import { sizeOf } from '../tensor/spec.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A copy that is stored blocked on the WASM device. */
export const storedBlocked = defineOp<{ x: Tensor }>({
  name: 'storedBlocked',
  defaults: {},
  shape: ({ x }) => ({ shape: x.shape, dtype: x.dtype }),
  kernels: {
    reference: ({ x }, _options, [y]) => y.data.set(x.data),
    wasm: {
      layouts: () => ({ inputs: { x: 'blocked' }, outputs: ['blocked'] }),
      lower: ({ inputs, outputs: [y] }) => [
        { kernel: 'copy_bytes', args: [pointer(inputs['x']!), pointer(y), int(storedBytes(y, 'blocked'))] },
      ],
    },
  },
  cases: [],
  tolerance: { f32: 0 },
});

/** The padding channels of a tensor's blocked storage (nothing but zeros, if all is right), or of its conversion to it. */
export const blockedStorage = defineOp<{ x: Tensor }>({
  name: 'blockedStorage',
  defaults: {},
  shape: ({ x }) => ({
    shape: [x.shape[0], Math.ceil(x.shape[1] / BLOCK), sizeOf(x.shape.slice(2)), BLOCK],
    dtype: 'f32',
  }),
  kernels: {
    reference: () => undefined,
    wasm: {
      layouts: ({ inputs }) => ({ inputs: { x: inputs['x']!.layout }, outputs: ['plain'] }),
      lower: ({ inputs, outputs: [y] }) => {
        const x = inputs['x']!;
        return x.layout === 'blocked'
          ? [{ kernel: 'copy_bytes', args: [pointer(x), pointer(y), int(storedBytes(x, 'blocked'))] }]
          : [
              {
                kernel: 'to_blocked',
                args: [pointer(x), pointer(y), int(x.shape[0]), int(x.shape[1]), int(sizeOf(x.shape.slice(2)))],
              },
            ];
      },
    },
  },
  cases: [],
  tolerance: { f32: 0 },
});

/** A copy that is stored as halves on a WebGPU device with `halfActivations`, where results of its shape are. */
export const storedHalf = defineOp<{ x: Tensor }>({
  name: 'storedHalf',
  defaults: {},
  shape: ({ x }) => ({ shape: x.shape, dtype: x.dtype }),
  kernels: {
    reference: ({ x }, _options, [y]) => y.data.set(x.data),
    webgpu: {
      halves: 'all',
      lower: ({ inputs, outputs: [y] }) => [
        {
          shader: convertShader,
          types: { FROM: inputs['x']!.storage, TO: y.storage },
          bindings: [inputs['x']!, y],
          uniforms: [u32(sizeOf(y.shape))],
          workgroups: linearGroups(sizeOf(y.shape), 64),
        },
      ],
    },
  },
  cases: [],
  tolerance: { f32: 0 },
});

/** The numbers that halves hold, for tensors that may be stored so; others as they are. */
export function roundedToHalves(host: HostTensor): HostTensor {
  return mayBeHalf(host) ? { ...host, data: Float32Array.from(host.data, (value) => fromHalf(toHalf(value))) } : host;
}
