/** Reads an ONNX file back and runs it on the reference device, for tests: written without looking at the writer's numbers. */
import {
  add,
  avgPool,
  concat,
  conv,
  convTranspose,
  createReferenceDevice,
  instanceNorm,
  leakyRelu,
  tensor,
  type Tensor,
} from '@voxelwise/compute';

type Message = ReadonlyMap<number, readonly (number | Uint8Array)[]>;

export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: ReadonlyMap<string, number | readonly number[]>;
}

export interface OnnxModel {
  readonly operatorSet: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly nodes: readonly OnnxNode[];
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;
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
          one.has(8) ? numbers(one, 8) : (numbers(one, 2)[0] ?? numbers(one, 3)[0]!),
        ]),
      ),
    })),
    tensors: new Map(
      messages(graph, 5).map((one) => {
        const raw = one.get(9)![0] as Uint8Array;
        return [texts(one, 8)[0]!, { shape: numbers(one, 1), data: new Float32Array(raw.slice().buffer) }];
      }),
    ),
  };
}

export async function evaluateOnnx(
  model: OnnxModel,
  image: { readonly shape: readonly number[]; readonly data: Float32Array },
): Promise<Float32Array> {
  const device = createReferenceDevice();
  const values = new Map<string, Tensor>([['image', tensor(device, image.data, image.shape)]]);
  for (const [name, { shape, data }] of model.tensors) values.set(name, tensor(device, data, shape));
  for (const { operator, inputs, output, attributes } of model.nodes) {
    const [x, weight, bias] = inputs.map((name) => values.get(name)!) as [Tensor, Tensor, Tensor];
    const list = (name: string): readonly number[] => attributes.get(name) as readonly number[];
    const single = (name: string): number => attributes.get(name) as number;
    const run: Readonly<Record<string, () => Tensor>> = {
      Conv: () =>
        conv({ x, weight, bias }, { stride: list('strides'), padding: list('pads').slice(0, list('strides').length) }),
      ConvTranspose: () => convTranspose({ x, weight, bias }, { stride: list('strides') }),
      InstanceNormalization: () => instanceNorm({ x, scale: weight, shift: bias }, { epsilon: single('epsilon') }),
      LeakyRelu: () => leakyRelu({ x }, { slope: single('alpha') }),
      AveragePool: () =>
        avgPool(
          { x },
          { kernel: list('kernel_shape'), stride: list('strides'), padding: list('strides').map(() => 0) },
        ),
      Add: () => add({ a: x, b: weight }),
      Concat: () => concat({ a: x, b: weight }, { axis: single('axis') }),
    };
    values.set(output, run[operator]!());
  }
  return (await values.get('logits')!.read()) as Float32Array;
}
