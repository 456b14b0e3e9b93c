/** Reads an ONNX file back and runs it on the reference device, for tests: written without looking at the writer's numbers. */
import {
  abs,
  add,
  argmax,
  avgPool,
  cast,
  clamp,
  concat,
  conv,
  convTranspose,
  createReferenceDevice,
  div,
  equal,
  exp,
  expand,
  flip,
  instanceNorm,
  layerNorm,
  leakyRelu,
  less,
  log,
  logSoftmax,
  matmul,
  max,
  maximum,
  maxPool,
  mean,
  min,
  minimum,
  mul,
  neg,
  pad,
  permute,
  pow,
  relu,
  reshape,
  resize,
  sigmoid,
  slice,
  softmax,
  sqrt,
  sub,
  sum,
  tanh,
  tensor,
  where,
  type DType,
  type Tensor,
} from '@voxelwise/compute';

type Message = ReadonlyMap<number, readonly (number | Uint8Array)[]>;

export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: ReadonlyMap<string, number | string | readonly number[]>;
}

type Numbers = Float32Array | Int32Array | Uint8Array | BigInt64Array;

export interface OnnxPort {
  readonly name: string;
  /** A name where any size goes. */
  readonly shape: readonly (number | string)[];
}

export interface OnnxModel {
  readonly operatorSet: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly nodes: readonly OnnxNode[];
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Numbers }>;
  readonly image: OnnxPort;
  readonly outputs: readonly OnnxPort[];
}

function parse(bytes: Uint8Array): Message {
  const fields = new Map<number, (number | Uint8Array)[]>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = (): number => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = bytes[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    let value: number | Uint8Array;
    if (tag % 8 === 0) value = varint();
    else if (tag % 8 === 5) value = view.getFloat32((at += 4) - 4, true);
    else {
      const length = varint();
      value = bytes.subarray(at, (at += length));
    }
    const number = Math.floor(tag / 8);
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  return fields;
}

const messages = (message: Message, field: number): Message[] =>
  (message.get(field) ?? []).map((bytes) => parse(bytes as Uint8Array));
const texts = (message: Message, field: number): string[] =>
  (message.get(field) ?? []).map((bytes) => new TextDecoder().decode(bytes as Uint8Array));
const numbers = (message: Message, field: number): number[] => (message.get(field) ?? []) as number[];

export function readOnnx(bytes: Uint8Array): OnnxModel {
  const model = parse(bytes);
  const [graph] = messages(model, 7) as [Message];
  return {
    operatorSet: numbers(messages(model, 8)[0]!, 2)[0]!,
    metadata: Object.fromEntries(
      messages(model, 14).map((entry) => [texts(entry, 1)[0], texts(entry, 2)[0]]),
    ) as Record<string, string>,
    nodes: messages(graph, 1).map((node) => ({
      operator: texts(node, 4)[0]!,
      inputs: texts(node, 1),
      output: texts(node, 2)[0]!,
      attributes: new Map(
        messages(node, 5).map((one) => [
          texts(one, 1)[0]!,
          one.has(8) ? numbers(one, 8) : (texts(one, 4)[0] ?? numbers(one, 2)[0] ?? numbers(one, 3)[0]!),
        ]),
      ),
    })),
    tensors: new Map(
      messages(graph, 5).map((one) => {
        const { buffer } = (one.get(9)![0] as Uint8Array).slice();
        const kinds = { 1: Float32Array, 2: Uint8Array, 6: Int32Array, 7: BigInt64Array };
        const Kind = kinds[numbers(one, 2)[0] as keyof typeof kinds];
        return [texts(one, 8)[0]!, { shape: numbers(one, 1), data: new Kind(buffer) }];
      }),
    ),
    image: portOf(messages(graph, 11)[0]!),
    outputs: messages(graph, 12).map(portOf),
  };
}

function portOf(message: Message): OnnxPort {
  const type = messages(messages(message, 2)[0]!, 1)[0]!;
  const dimensions = messages(messages(type, 2)[0]!, 1);
  return { name: texts(message, 1)[0]!, shape: dimensions.map((one) => texts(one, 2)[0] ?? numbers(one, 1)[0]!) };
}

type Lists = ReadonlyMap<string, readonly number[]>;

/** Of the operators that a network of ours may hold: what they do, by ONNX's own words for it. */
function evaluateNode(
  { operator, inputs, attributes }: OnnxNode,
  values: ReadonlyMap<string, Tensor>,
  lists: Lists,
): Tensor {
  const [x, y, z] = inputs.map((name) => values.get(name)!) as [Tensor, Tensor, Tensor];
  const whole = (k: number): readonly number[] => lists.get(inputs[k]!)!;
  const list = (name: string): readonly number[] => (attributes.get(name) ?? []) as readonly number[];
  const single = (name: string): number => attributes.get(name) as number;
  const sliding = (): { stride: readonly number[]; padding: readonly number[] } => {
    const stride = list('strides');
    return { stride, padding: stride.map((_, k) => list('pads')[k] ?? 0) };
  };
  const reduce = { axes: list('axes'), keepDims: single('keepdims') === 1 };
  const types: Readonly<Record<number, DType>> = { 1: 'f32', 2: 'u8', 6: 'i32', 9: 'f32' };
  const floats = (t: Tensor): Tensor => cast({ x: t }, { dtype: 'f32' });
  const run: Readonly<Record<string, () => Tensor>> = {
    Conv: () => conv({ x, weight: y, bias: z }, sliding()),
    ConvTranspose: () =>
      convTranspose({ x, weight: y, bias: z }, { ...sliding(), outputPadding: list('output_padding') }),
    InstanceNormalization: () => instanceNorm({ x, scale: y, shift: z }, { epsilon: single('epsilon') }),
    LayerNormalization: () => layerNorm({ x, scale: y, shift: z }, { epsilon: single('epsilon') }),
    LeakyRelu: () => leakyRelu({ x }, { slope: single('alpha') }),
    AveragePool: () => avgPool({ x }, { kernel: list('kernel_shape'), ...sliding() }),
    MaxPool: () => maxPool({ x }, { kernel: list('kernel_shape'), ...sliding() }),
    Add: () => add({ a: x, b: y }),
    Sub: () => sub({ a: x, b: y }),
    Mul: () => mul({ a: x, b: y }),
    Div: () => div({ a: x, b: y }),
    Min: () => minimum({ a: x, b: y }),
    Max: () => maximum({ a: x, b: y }),
    Pow: () => pow({ a: x, b: y }),
    Less: () => less({ a: x, b: y }),
    Equal: () => equal({ a: floats(x), b: floats(y) }),
    Where: () => where({ condition: floats(x), a: y, b: z }),
    Neg: () => neg({ x }),
    Exp: () => exp({ x }),
    Log: () => log({ x }),
    Sqrt: () => sqrt({ x }),
    Abs: () => abs({ x }),
    Relu: () => relu({ x }),
    Sigmoid: () => sigmoid({ x }),
    Tanh: () => tanh({ x }),
    Erf: () => tensor(x.device, Float32Array.from(known(x), erf), x.shape),
    Clip: () => {
      const [low, high] = [known(y)[0]!, known(z)[0]!];
      return cast({ x: clamp({ x: floats(x) }, { low, high }) }, { dtype: x.dtype });
    },
    Cast: () => cast({ x }, { dtype: types[single('to')]! }),
    Identity: () => x,
    Softmax: () => softmax({ x }, { axis: single('axis') }),
    LogSoftmax: () => logSoftmax({ x }, { axis: single('axis') }),
    MatMul: () => matmul({ a: x, b: y }),
    Transpose: () => permute({ x }, { order: list('perm') }),
    ReduceSum: () => sum({ x }, { ...reduce, axes: whole(1) }),
    ReduceMean: () => mean({ x }, reduce),
    ReduceMax: () => max({ x }, reduce),
    ReduceMin: () => min({ x }, reduce),
    ArgMax: () => argmax({ x }, { axis: single('axis') }),
    Concat: () => concat(Object.fromEntries(inputs.map((name) => [name, values.get(name)!])), { axis: single('axis') }),
    Reshape: () => reshape({ x }, { shape: whole(1) }),
    Expand: () => expand({ x }, { shape: whole(1) }),
    Pad: () => {
      const rank = x.shape.length;
      return pad({ x }, { before: whole(1).slice(0, rank), after: whole(1).slice(rank), value: known(z)[0]! });
    },
    Slice: () => {
      if (whole(4)?.every((step) => step === -1)) return flip({ x }, { axes: whole(3) });
      const at = (axis: number): number => whole(3).indexOf(axis);
      const start = x.shape.map((_, axis) => whole(1)[at(axis)] ?? 0);
      return slice({ x }, { start, size: x.shape.map((n, axis) => (whole(2)[at(axis)] ?? n) - start[axis]!) });
    },
    Resize: () => {
      const way = [
        attributes.get('mode'),
        attributes.get('coordinate_transformation_mode'),
        attributes.get('nearest_mode'),
      ];
      const mode =
        way.join() === 'nearest,asymmetric,floor'
          ? 'nearest'
          : way.join() === 'nearest,half_pixel,round_prefer_ceil'
            ? 'nearestExact'
            : (way[0] as 'linear' | 'cubic');
      return resize({ x }, { size: whole(3).slice(2), mode, alignCorners: way[1] === 'align_corners' });
    },
  };
  return run[operator]!();
}

/** The reference device computes at once and keeps the numbers in its storage. */
const known = (x: Tensor): Float32Array => (x.storage as unknown as { data: Float32Array }).data;

/** Abramowitz & Stegun 7.1.5, enough terms for arguments below 6. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, total] = [x, x];
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}

/** The first result, or the one named. */
export async function evaluateOnnx(
  model: OnnxModel,
  image: { readonly shape: readonly number[]; readonly data: Float32Array },
  result = 'logits',
): Promise<Float32Array> {
  const device = createReferenceDevice();
  const values = new Map<string, Tensor>([['image', tensor(device, image.data, image.shape)]]);
  const lists = new Map<string, readonly number[]>();
  for (const [name, { shape, data }] of model.tensors)
    if (data instanceof BigInt64Array) lists.set(name, Array.from(data, Number));
    else values.set(name, tensor(device, data, shape));
  for (const node of model.nodes) values.set(node.output, evaluateNode(node, values, lists));
  return (await values.get(result)!.read()) as Float32Array;
}
