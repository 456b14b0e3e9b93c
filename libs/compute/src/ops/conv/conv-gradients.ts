/** The two halves of a convolution's derivative, as operations of their own. */
import { cutAlong, otherAxes } from '../../devices/webgpu/cuts.ts';
import { ShapeError } from '../../errors.ts';
import { defineOp, type OpCase } from '../../op/op.ts';
import { describe, type Shape, type TensorSpec } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { convCases } from './conv.cases.ts';
import { referenceInputGradient, referenceWeightGradient } from './conv.reference.ts';
import { algorithmVariants, imageLayout, lowerProduct, lowerWeightGradient } from './conv.wasm.ts';
import { lowerGpuProduct, tileVariants } from './conv.webgpu.ts';
import { convInputGradientCuts, convWeightGradientCuts } from './cuts.ts';
import { convGeometry, multiplyAdds, ofRank, requireImage, type ConvGeometry, type ConvOptions } from './geometry.ts';
import { lowerBiasGradient } from './weight-gradient.wasm.ts';
import { lowerGpuChannelSum, lowerGpuWeightGradient, weightTileVariants } from './weight-gradient.webgpu.ts';

export interface ConvInputGradientOptions extends ConvOptions {
  /** Spatial sizes of the convolution's input, which its output alone does not tell. */
  readonly inputSize: readonly number[];
}

export interface ConvWeightGradientOptions extends ConvOptions {
  /** Spatial sizes of the kernel. */
  readonly kernel: readonly number[];
}

/** Throws: ShapeError if a convolution of that geometry does not make `dy`. */
function requireOutput(op: string, g: ConvGeometry, dy: TensorSpec): void {
  const expected = [g.samples, g.outputs, ...ofRank(g.output, dy.shape.length)];
  if (expected.some((n, axis) => n !== dy.shape[axis]))
    throw new ShapeError(`${op}: this convolution makes [${expected.join(', ')}]; dy is ${describe(dy)}.`, {
      op,
      expected,
      dy: dy.shape,
    });
}

function inputGeometry(dy: Shape, weight: Shape, options: ConvInputGradientOptions): ConvGeometry {
  return convGeometry('convInputGradient', [dy[0]!, weight[1]!, ...options.inputSize], weight, options);
}

function weightGeometry(x: Shape, dy: Shape, options: ConvWeightGradientOptions): ConvGeometry {
  return convGeometry('convWeightGradient', x, [dy[1]!, x[1]!, ...options.kernel], options);
}

/** Gradient of a convolution with respect to its input: dy [N, outputs, …], weight [outputs, inputs, kernel…] -> [N, inputs, …inputSize]. */
export const convInputGradient = defineOp<{ dy: Tensor; weight: Tensor }, ConvInputGradientOptions>({
  name: 'convInputGradient',
  defaults: { stride: 1, padding: 0, algorithm: 'auto', inputSize: [] },
  shape: ({ dy, weight }, options) => {
    requireImage('convInputGradient', 'dy', dy);
    requireImage('convInputGradient', 'weight', weight, dy.shape.length);
    const g = inputGeometry(dy.shape, weight.shape, options);
    requireOutput('convInputGradient', g, dy);
    return { shape: [g.samples, g.inputs, ...options.inputSize], dtype: 'f32' };
  },
  kernels: {
    reference: ({ dy, weight }, options, [dx]) =>
      referenceInputGradient(inputGeometry(dy.shape, weight.shape, options), dy.data, weight.data, undefined, dx!.data),
    wasm: {
      layouts: ({ inputs }) => ({
        inputs: { dy: imageLayout(inputs['dy']!.shape[1]!), weight: 'plain' },
        outputs: ['blocked'],
      }),
      lower: (context) => {
        const { dy, weight } = context.inputs;
        const geometry = inputGeometry(dy!.shape, weight!.shape, context.options);
        return lowerProduct(
          context,
          { geometry, transposed: true, from: dy!, weight: weight!, bias: undefined, to: context.outputs[0]! },
          context.options.algorithm,
        );
      },
      variants: ({ inputs: { dy, weight }, options }) =>
        algorithmVariants(inputGeometry(dy!.shape, weight!.shape, options), 'inputGradient', dy!.shape[1]!, options),
    },
    webgpu: {
      halves: 'all',
      cuts: convInputGradientCuts,
      variants: ({ inputs: { weight }, options }) => tileVariants(weight!.shape[1]!, options),
      lower: (context) => {
        const { dy, weight } = context.inputs;
        return lowerGpuProduct(context, {
          geometry: inputGeometry(dy!.shape, weight!.shape, context.options),
          transposed: true,
          from: dy!,
          weight: weight!,
          bias: undefined,
          to: context.outputs[0]!,
        });
      },
    },
  },
  cases: gradientCases((dy, weight, size) => ({
    inputs: { dy: { shape: dy }, weight: { shape: weight } },
    extra: { inputSize: size.input },
  })),
  tolerance: { f32: 3e-5, f16: 2e-2 },
  multiplyAdds: ({ dy, weight }, options) => multiplyAdds(inputGeometry(dy.shape, weight.shape, options)),
});

/** Gradient of a convolution with respect to its weight: x [N, inputs, …], dy [N, outputs, …] -> [outputs, inputs, …kernel]. */
export const convWeightGradient = defineOp<{ x: Tensor; dy: Tensor }, ConvWeightGradientOptions>({
  name: 'convWeightGradient',
  defaults: { stride: 1, padding: 0, algorithm: 'auto', kernel: [] },
  shape: ({ x, dy }, options) => {
    requireImage('convWeightGradient', 'x', x);
    requireImage('convWeightGradient', 'dy', dy, x.shape.length);
    const g = weightGeometry(x.shape, dy.shape, options);
    requireOutput('convWeightGradient', g, dy);
    return { shape: [g.outputs, g.inputs, ...options.kernel], dtype: 'f32' };
  },
  kernels: {
    reference: ({ x, dy }, options, [dw]) =>
      referenceWeightGradient(weightGeometry(x.shape, dy.shape, options), x.data, dy.data, dw!.data),
    wasm: {
      layouts: ({ inputs }) => ({
        inputs: { x: imageLayout(inputs['x']!.shape[1]!), dy: 'blocked' },
        outputs: ['plain'],
      }),
      lower: (context) => {
        const { x, dy } = context.inputs;
        return lowerWeightGradient(
          context,
          weightGeometry(x!.shape, dy!.shape, context.options),
          x!,
          dy!,
          context.outputs[0]!,
          context.options.algorithm,
        );
      },
      variants: ({ inputs: { x, dy }, options }) =>
        algorithmVariants(weightGeometry(x!.shape, dy!.shape, options), 'weightGradient', x!.shape[1]!, options),
    },
    webgpu: {
      halves: 'inputs',
      cuts: convWeightGradientCuts,
      lower: (context) => {
        const { x, dy } = context.inputs;
        return lowerGpuWeightGradient(
          context,
          weightGeometry(x!.shape, dy!.shape, context.options),
          x!,
          dy!,
          context.outputs[0]!,
        );
      },
      variants: ({ inputs: { dy }, options }) => weightTileVariants(dy!.shape[1]!, options),
    },
  },
  cases: gradientCases((dy, _weight, size) => ({
    inputs: { x: { shape: size.x }, dy: { shape: dy } },
    extra: { kernel: size.kernel },
  })),
  tolerance: { f32: 3e-5, f16: 2e-2 },
  multiplyAdds: ({ x, dy }, options) => multiplyAdds(weightGeometry(x.shape, dy.shape, options)),
});

/** Gradient of a convolution with respect to its bias: the sum of dy [N, C, …] over samples and space -> [C]. */
export const convBiasGradient = defineOp<{ dy: Tensor }>({
  name: 'convBiasGradient',
  defaults: {},
  shape: ({ dy }) => {
    requireImage('convBiasGradient', 'dy', dy);
    return { shape: [dy.shape[1]!], dtype: 'f32' };
  },
  kernels: {
    reference: ({ dy }, _options, [db]) => {
      const [samples, channels, ...space] = dy.shape as [number, number, ...number[]];
      const voxels = space.reduce((all, n) => all * n, 1);
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let n = 0; n < samples; n++)
          for (let v = 0; v < voxels; v++) sum += dy.data[(n * channels + c) * voxels + v]!;
        db!.data[c] = sum;
      }
    },
    wasm: {
      layouts: () => ({ inputs: { dy: 'blocked' }, outputs: ['plain'] }),
      lower: (context) => lowerBiasGradient(context, context.inputs['dy']!, context.outputs[0]!),
    },
    webgpu: {
      halves: 'inputs',
      cuts: (call) => [
        cutAlong(call, { inputs: { dy: 1 }, outputs: [0] }),
        ...otherAxes(call.inputs['dy']!.shape, 1).map((axis) => cutAlong(call, { inputs: { dy: axis } }, ['add'])),
      ],
      lower: (context) => lowerGpuChannelSum(context, context.inputs['dy']!, context.outputs[0]!),
    },
  },
  cases: [
    { name: '3D', inputs: { dy: { shape: [2, 11, 3, 4, 5] } } },
    { name: '2D', inputs: { dy: { shape: [3, 8, 40, 41] } } },
    { name: 'one', inputs: { dy: { shape: [1, 1, 1, 1] } } },
  ],
  tolerance: { f32: 1e-5, f16: 1e-2 },
});

interface CaseSize {
  readonly x: Shape;
  readonly input: Shape;
  readonly kernel: Shape;
}

/** The cases of the convolution, seen from its gradients. */
function gradientCases<C, R>(
  make: (dy: Shape, weight: Shape, size: CaseSize) => { inputs: C; extra: Partial<R> },
): OpCase<never, R>[] {
  return convCases.map((item) => {
    const x = item.inputs.x.shape;
    const weight = item.inputs.weight.shape;
    const options = { stride: 1, padding: 0, ...item.options };
    const g = convGeometry('conv', x, weight, options);
    const { inputs, extra } = make([g.samples, g.outputs, ...ofRank(g.output, x.length)], weight, {
      x,
      input: x.slice(2),
      kernel: weight.slice(2),
    });
    return {
      name: item.name,
      inputs,
      options: { ...item.options, ...extra },
      gradient: item.gradient,
    } as unknown as OpCase<never, R>;
  });
}
