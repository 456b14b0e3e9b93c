/** How the WebGPU device computes convolutions and their gradients in parts: samples, channels, then slabs of space. */
import { boxAlong, cutAlong, wholeBox } from '../../devices/webgpu/cuts.ts';
import type { Box, GpuCall, GpuCut } from '../../devices/webgpu/kernel.ts';
import type { TensorSpec } from '../../tensor/spec.ts';
import { perAxis } from './geometry.ts';

interface Steps {
  readonly stride: number | readonly number[];
  readonly padding: number | readonly number[];
}

/** Numbers per spatial axis of one call. */
interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
}

function windowOf(options: Steps, kernel: readonly number[]): Window {
  return {
    kernel,
    stride: perAxis('conv', 'stride', options.stride, kernel.length, 1),
    padding: perAxis('conv', 'padding', options.padding, kernel.length, 0),
  };
}

const replaced = (list: readonly number[], k: number, value: number): number[] =>
  list.map((n, j) => (j === k ? value : n));

/** Rows of the input that make the rows from `begin` to before `end` of the output; the padding lies outside of it. */
function inputRows({ kernel, stride, padding }: Window, k: number, begin: number, end: number): [number, number] {
  const first = begin * stride[k]! - padding[k]!;
  return [first, first + (end - 1 - begin) * stride[k]! + kernel[k]!];
}

export function convCuts(call: GpuCall<Steps>): GpuCut[] {
  const { inputs, outputs, options } = call;
  const { x, weight, bias } = inputs as { x: TensorSpec; weight: TensorSpec; bias?: TensorSpec };
  const [y] = outputs as [TensorSpec];
  const window = windowOf(options, weight.shape.slice(2));
  return [
    cutAlong(call, { inputs: { x: 0 }, outputs: [0] }),
    cutAlong(call, { inputs: { weight: 0, bias: 0 }, outputs: [1] }),
    ...window.kernel.map((_, k): GpuCut => ({
      length: y.shape[k + 2]!,
      part: (begin, end) => ({
        inputs: {
          x: boxAlong(x, k + 2, ...inputRows(window, k, begin, end)),
          weight: wholeBox(weight),
          bias: bias && wholeBox(bias),
        },
        outputs: [boxAlong(y, k + 2, begin, end)],
        options: { ...options, padding: replaced(window.padding, k, 0) },
      }),
    })),
    cutInputChannels(call, { x: 1, weight: 1 }),
  ];
}

/** Input channels add up; the bias comes with the first. */
function cutInputChannels(call: GpuCall<Steps>, axes: Readonly<Record<string, number>>): GpuCut {
  const cut = cutAlong(call, { inputs: axes }, ['add']);
  return {
    ...cut,
    part: (begin, end) => {
      const part = cut.part(begin, end);
      return begin === 0 ? part : { ...part, inputs: { ...part.inputs, bias: undefined } };
    },
  };
}

/**
 * A transposed convolution, or the input gradient of one: `from` is its input, `options` tells a part's options.
 * Rows from `begin` of the result take rows of the input by output * stride = row + padding - tap. A part begins its input
 * where its padding is at least kernel - 1, so that the sizes of a whole call hold for it, with zeros outside.
 */
function transposedCuts(
  call: GpuCall<Steps>,
  from: string,
  partOptions: (k: number, rows: number, padding: number[], rest: number) => object,
): GpuCut[] {
  const { inputs, outputs, options } = call;
  const { [from]: x, weight, bias } = inputs as Record<string, TensorSpec | undefined>;
  const [y] = outputs as [TensorSpec];
  const { kernel, stride, padding } = windowOf(options, weight!.shape.slice(2));
  return [
    cutAlong(call, { inputs: { [from]: 0 }, outputs: [0] }),
    cutAlong(call, { inputs: { weight: 1, bias: 0 }, outputs: [1] }),
    ...kernel.map((taps, k): GpuCut => ({
      length: y.shape[k + 2]!,
      part: (begin, end) => {
        const rows = end - begin;
        const first = Math.floor((begin + padding[k]! - (taps - 1)) / stride[k]!);
        const own = begin + padding[k]! - first * stride[k]!;
        const spread = rows + 2 * own - taps;
        const count = Math.floor(spread / stride[k]!) + 1;
        return {
          inputs: {
            [from]: boxAlong(x!, k + 2, first, first + count),
            weight: wholeBox(weight!),
            bias: bias && wholeBox(bias),
          },
          outputs: [boxAlong(y, k + 2, begin, end)],
          options: {
            ...options,
            ...partOptions(k, rows, replaced(padding, k, own), spread - (count - 1) * stride[k]!),
          },
        };
      },
    })),
    cutInputChannels(call, { [from]: 1, weight: 0 }),
  ];
}

export function convInputGradientCuts(call: GpuCall<Steps & { readonly inputSize: readonly number[] }>): GpuCut[] {
  return transposedCuts(call, 'dy', (k, rows, padding) => ({
    padding,
    inputSize: replaced(call.options.inputSize, k, rows),
  }));
}

export function convTransposeCuts(
  call: GpuCall<Steps & { readonly outputPadding: number | readonly number[] }>,
): GpuCut[] {
  const { outputPadding } = call.options;
  const axes = call.inputs['x']!.shape.length - 2;
  const extra = perAxis('convTranspose', 'outputPadding', outputPadding, axes, 0);
  return transposedCuts(call, 'x', (k, _rows, padding, rest) => ({ padding, outputPadding: replaced(extra, k, rest) }));
}

export function convWeightGradientCuts(call: GpuCall<Steps & { readonly kernel: readonly number[] }>): GpuCut[] {
  const { inputs, outputs, options } = call;
  const { x, dy } = inputs as { x: TensorSpec; dy: TensorSpec };
  const window = windowOf(options, options.kernel);
  const whole: Box[] = outputs.map(wholeBox);
  return [
    cutAlong(call, { inputs: { dy: 1 }, outputs: [0] }),
    cutAlong(call, { inputs: { x: 1 }, outputs: [1] }),
    cutAlong(call, { inputs: { x: 0, dy: 0 } }, ['add']),
    ...window.kernel.map((_, k): GpuCut => ({
      length: dy.shape[k + 2]!,
      joins: ['add'],
      part: (begin, end) => ({
        inputs: {
          x: boxAlong(x, k + 2, ...inputRows(window, k, begin, end)),
          dy: boxAlong(dy, k + 2, begin, end),
        },
        outputs: whole,
        options: { ...options, padding: replaced(window.padding, k, 0) },
      }),
    })),
  ];
}
