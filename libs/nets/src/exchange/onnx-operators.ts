/**
 * What each operation of ours is in ONNX's operator set 17. An operation that is not here has no counterpart, or no network uses it
 * to predict. Source: onnx.ai/onnx/operators.
 */
import type { TensorSpec } from '@voxelwise/compute';
import { NetworkError } from '../errors.ts';
import { TYPES, type Attribute, type OnnxGraph } from './onnx-graph.ts';

/** One operation: names and specs of its inputs, its options. */
export interface OnnxCall {
  readonly graph: OnnxGraph;
  readonly names: Readonly<Record<string, string>>;
  readonly specs: Readonly<Record<string, TensorSpec>>;
  /* eslint-disable-next-line @typescript-eslint/no-explicit-any -- the options of any operation */
  readonly options: any;
}

/** Adds the nodes and returns the name of the first result. */
type Emit = (call: OnnxCall) => string;

const one =
  (operator: string, attributes: (call: OnnxCall) => Readonly<Record<string, Attribute>> = () => ({})): Emit =>
  (call) =>
    call.graph.node(operator, Object.values(call.names), attributes(call));

const perAxis = (value: number | readonly number[], { specs }: OnnxCall, fill: number): number[] => {
  const axes = specs['x']!.shape.length - 2;
  const list = typeof value === 'number' ? [value] : value;
  return Array.from({ length: axes }, (_, k) => (list.length === 1 ? list[0]! : (list[k] ?? fill)));
};

/** Kernel, strides and paddings of what slides over an image. */
function sliding(call: OnnxCall, kernel: readonly number[]): Record<string, Attribute> {
  const padding = perAxis(call.options.padding, call, 0);
  return { kernel_shape: kernel, strides: perAxis(call.options.stride, call, 1), pads: [...padding, ...padding] };
}

/** As f32: 1 where a question is true. */
const asked =
  (operator: string): Emit =>
  ({ graph, names }) =>
    graph.node('Cast', [graph.node(operator, [names['a']!, names['b']!])], { to: TYPES.f32 });

const reduced =
  (operator: string): Emit =>
  ({ graph, names, specs, options: { axes, keepDims } }) => {
    const list: readonly number[] = axes ?? specs['x']!.shape.map((_, axis) => axis);
    if (list.length === 0) return graph.node('Identity', [names['x']!]);
    const keepdims = keepDims ? 1 : 0;
    return operator === 'ReduceSum'
      ? graph.node(operator, [names['x']!, graph.wholes(list)], { keepdims })
      : graph.node(operator, [names['x']!], { axes: list, keepdims });
  };

const activated = (graph: OnnxGraph, x: string, slope: number): string =>
  slope === 1 ? x : slope === 0 ? graph.node('Relu', [x]) : graph.node('LeakyRelu', [x], { alpha: { float: slope } });

const vector = (graph: OnnxGraph, name: string | undefined, length: number, value: number): string =>
  name ?? graph.constant({ shape: [length], dtype: 'f32' }, new Float32Array(length).fill(value));

/** The last two axes exchanged. */
function swapped(graph: OnnxGraph, name: string, { shape }: TensorSpec): string {
  const rank = shape.length;
  const perm = shape.map((_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
  return graph.node('Transpose', [name], { perm });
}

const resize: Emit = ({ graph, names, specs, options: { size, mode, alignCorners } }) => {
  const { shape } = specs['x']!;
  if (mode === 'area') {
    const factors = (size as readonly number[]).map((n, k) => shape[k + 2]! / n);
    if (!factors.every(Number.isInteger))
      throw new NetworkError(
        `ONNX has no averaging resize from [${shape.slice(2).join(', ')}] to [${size.join(', ')}]; whole factors only.`,
        { shape, size },
      );
    return graph.node('AveragePool', [names['x']!], { kernel_shape: factors, strides: factors });
  }
  const nearest = mode === 'nearest' || mode === 'nearestExact';
  return graph.node('Resize', [names['x']!, '', '', graph.wholes([shape[0]!, shape[1]!, ...size])], {
    mode: { text: nearest ? 'nearest' : mode },
    coordinate_transformation_mode: {
      text: mode === 'nearest' ? 'asymmetric' : alignCorners ? 'align_corners' : 'half_pixel',
    },
    ...(mode === 'nearest' ? { nearest_mode: { text: 'floor' } } : {}),
    ...(mode === 'nearestExact' ? { nearest_mode: { text: 'round_prefer_ceil' } } : {}),
    ...(mode === 'cubic' ? { cubic_coeff_a: { float: -0.75 } } : {}),
  });
};

const attention: Emit = ({ graph, names, specs, options: { scale } }) => {
  const d = specs['q']!.shape.at(-1)!;
  const products = graph.node('MatMul', [names['q']!, swapped(graph, names['k']!, specs['k']!)]);
  let scores = graph.node('Mul', [products, graph.number(scale ?? 1 / Math.sqrt(d))]);
  for (const more of [names['bias'], names['mask']]) if (more !== undefined) scores = graph.node('Add', [scores, more]);
  return graph.node('MatMul', [graph.node('Softmax', [scores], { axis: specs['q']!.shape.length - 1 }), names['v']!]);
};

/** The greatest f32 below 2³¹. */
const MOST = 2 ** 31 - 128;

/** Clamped first, as ONNX leaves open what becomes of numbers out of range; what is no number becomes 0. */
const cast: Emit = ({ graph, names, specs, options: { dtype } }) => {
  const { dtype: from } = specs['x']!;
  let x = names['x']!;
  const number = (value: number): string => graph.number(value, from);
  if (from === 'f32' && dtype !== 'f32') x = graph.node('Where', [graph.node('Equal', [x, x]), x, number(0)]);
  const range = { u8: [0, 255], i32: [-(2 ** 31), MOST] }[dtype as string];
  if (range && from !== 'u8' && from !== dtype) x = graph.node('Clip', [x, ...range.map(number)]);
  return graph.node('Cast', [x], { to: TYPES[dtype as keyof typeof TYPES] });
};

export const operators: Readonly<Record<string, Emit>> = {
  add: one('Add'),
  sub: one('Sub'),
  mul: one('Mul'),
  div: one('Div'),
  minimum: one('Min'),
  maximum: one('Max'),
  pow: one('Pow'),
  less: asked('Less'),
  equal: asked('Equal'),
  neg: one('Neg'),
  exp: one('Exp'),
  log: one('Log'),
  sqrt: one('Sqrt'),
  square: ({ graph, names }) => graph.node('Mul', [names['x']!, names['x']!]),
  abs: one('Abs'),
  relu: one('Relu'),
  leakyRelu: one('LeakyRelu', ({ options }) => ({ alpha: { float: options.slope } })),
  sigmoid: one('Sigmoid'),
  tanh: one('Tanh'),
  gelu: ({ graph, names }) => {
    const x = names['x']!;
    const share = graph.node('Erf', [graph.node('Mul', [x, graph.number(Math.SQRT1_2)])]);
    const half = graph.node('Mul', [x, graph.number(0.5)]);
    return graph.node('Mul', [half, graph.node('Add', [share, graph.number(1)])]);
  },
  clamp: ({ graph, names, options: { low, high } }) =>
    graph.node('Clip', [names['x']!, graph.number(low), graph.number(high)]),
  scaleOffset: ({ graph, names, options: { scale, offset } }) =>
    graph.node('Add', [graph.node('Mul', [names['x']!, graph.number(scale)]), graph.number(offset)]),
  power: ({ graph, names, options: { exponent } }) => graph.node('Pow', [names['x']!, graph.number(exponent)]),
  where: ({ graph, names: { condition, a, b } }) =>
    graph.node('Where', [graph.node('Cast', [condition!], { to: TYPES.bool }), a!, b!]),
  conv: one('Conv', (call) => sliding(call, call.specs['weight']!.shape.slice(2))),
  convTranspose: one('ConvTranspose', (call) => ({
    ...sliding(call, call.specs['weight']!.shape.slice(2)),
    output_padding: perAxis(call.options.outputPadding, call, 0),
  })),
  instanceNorm: ({ graph, names: { x, scale, shift }, specs, options: { epsilon, slope } }) => {
    const channels = specs['x']!.shape[1]!;
    const normed = graph.node(
      'InstanceNormalization',
      [x!, vector(graph, scale, channels, 1), vector(graph, shift, channels, 0)],
      { epsilon: { float: epsilon } },
    );
    return activated(graph, normed, slope);
  },
  layerNorm: ({ graph, names: { x, scale, shift }, specs, options: { epsilon } }) => {
    const features = specs['x']!.shape.at(-1)!;
    // One feature has no variance: onnxruntime refuses it.
    if (features === 1)
      return graph.node('Add', [graph.node('Mul', [x!, graph.number(0)]), vector(graph, shift, 1, 0)]);
    return graph.node(
      'LayerNormalization',
      [x!, vector(graph, scale, features, 1), vector(graph, shift, features, 0)],
      { axis: specs['x']!.shape.length - 1, epsilon: { float: epsilon } },
    );
  },
  softmax: one('Softmax', ({ options }) => ({ axis: options.axis })),
  logSoftmax: one('LogSoftmax', ({ options }) => ({ axis: options.axis })),
  matmul: ({ graph, names, specs, options: { transposeA, transposeB } }) =>
    graph.node('MatMul', [
      transposeA ? swapped(graph, names['a']!, specs['a']!) : names['a']!,
      transposeB ? swapped(graph, names['b']!, specs['b']!) : names['b']!,
    ]),
  attention,
  avgPool: one('AveragePool', (call) => ({ ...sliding(call, call.options.kernel), count_include_pad: 1 })),
  maxPool: one('MaxPool', (call) => sliding(call, call.options.kernel)),
  resize,
  sum: reduced('ReduceSum'),
  mean: reduced('ReduceMean'),
  max: reduced('ReduceMax'),
  min: reduced('ReduceMin'),
  argmax: ({ graph, names, options: { axis } }) =>
    graph.node('Cast', [graph.node('ArgMax', [names['x']!], { axis, keepdims: 1 })], { to: TYPES.i32 }),
  // Not OneHot: a label of -1 would be the last class there.
  oneHot: ({ graph, names, specs, options: { classes } }) => {
    const shape = specs['labels']!.shape.map((_, axis) => (axis === 1 ? (classes as number) : 1));
    const all = graph.constant(
      { shape, dtype: 'i32' },
      Int32Array.from({ length: classes }, (_, k) => k),
    );
    return graph.node('Cast', [graph.node('Equal', [names['labels']!, all])], { to: TYPES.f32 });
  },
  concat: one('Concat', ({ options }) => ({ axis: options.axis })),
  reshape: ({ graph, names, options: { shape } }) => graph.node('Reshape', [names['x']!, graph.wholes(shape)]),
  expand: ({ graph, names, options: { shape } }) => graph.node('Expand', [names['x']!, graph.wholes(shape)]),
  permute: one('Transpose', ({ options }) => ({ perm: options.order })),
  slice: ({ graph, names, specs, options: { start, size } }) => {
    const axes = specs['x']!.shape.flatMap((n, axis) => (start[axis] === 0 && size[axis] === n ? [] : [axis]));
    if (axes.length === 0) return graph.node('Identity', [names['x']!]);
    const ends = axes.map((axis) => start[axis] + size[axis]);
    const of = (list: readonly number[]): string => graph.wholes(list);
    return graph.node('Slice', [names['x']!, of(axes.map((axis) => start[axis])), of(ends), of(axes)]);
  },
  flip: ({ graph, names, options: { axes } }) => {
    if (axes.length === 0) return graph.node('Identity', [names['x']!]);
    const each = (value: number): string => graph.wholes((axes as readonly number[]).map(() => value));
    return graph.node('Slice', [names['x']!, each(-1), each(-(2 ** 53)), graph.wholes(axes), each(-1)]);
  },
  pad: ({ graph, names, specs, options: { before, after, value } }) =>
    graph.node('Pad', [names['x']!, graph.wholes([...before, ...after]), graph.number(value, specs['x']!.dtype)]),
  cast,
};
