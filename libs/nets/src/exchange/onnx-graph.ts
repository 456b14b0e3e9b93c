/** A graph of ONNX operators under construction, and its bytes. Source: onnx.proto3, IR version 8, operator set 17. */
import { WeightsError } from '../errors.ts';
import type { NamedArray } from '../module/weights.ts';
import {
  bytesField,
  encodeMessage,
  floatField,
  lengthOf,
  messageField,
  textField,
  wholeField,
  type Field,
} from './protobuf.ts';

const IR_VERSION = 8;
const OPERATOR_SET = 17;
/** TensorProto.DataType.FLOAT */
const FLOAT = 1;
/** AttributeProto.AttributeType */
const KIND = { float: 1, int: 2, ints: 7 } as const;
/** Protocol buffers end here. */
const MOST_BYTES = 2 ** 31 - 1;

/** A list is `ints`, `{ float }` a float, a number an `int`. */
export type Attribute = number | readonly number[] | { readonly float: number };

/** A dimension: a number, or a name where any number goes. */
export type Dimension = number | string;

export class OnnxGraph {
  readonly #nodes: Field[] = [];
  readonly #tensors = new Map<string, Field>();
  #count = 0;

  /** Adds an operator and returns the name of its output. */
  node(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    output = `v${this.#count}`,
  ): string {
    this.#count++;
    this.#nodes.push(
      messageField(1, [
        ...inputs.map((input) => textField(1, input)),
        textField(2, output),
        textField(3, `${operator}_${this.#count}`),
        textField(4, operator),
        ...Object.entries(attributes).map(([name, value]) => attributeField(name, value)),
      ]),
    );
    return output;
  }

  /** Stores numbers under a name (once) and returns it. */
  tensor(name: string, { shape, data }: NamedArray): string {
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const fields = [
      ...shape.map((n) => wholeField(1, n)),
      wholeField(2, FLOAT),
      textField(8, name),
      bytesField(9, raw),
    ];
    this.#tensors.set(name, messageField(5, fields));
    return name;
  }

  /** The model file. Throws: WeightsError past 2 GiB, where protocol buffers end. */
  encode(
    name: string,
    input: readonly Dimension[],
    output: readonly Dimension[],
    metadata: Readonly<Record<string, string>>,
  ): Uint8Array {
    const graph = [
      ...this.#nodes,
      textField(2, name),
      ...this.#tensors.values(),
      messageField(11, valueInfo('image', input)),
      messageField(12, valueInfo('logits', output)),
    ];
    const model = [
      wholeField(1, IR_VERSION),
      textField(2, 'voxelwise'),
      messageField(7, graph),
      messageField(8, [textField(1, ''), wholeField(2, OPERATOR_SET)]),
      ...Object.entries(metadata).map(([key, value]) => messageField(14, [textField(1, key), textField(2, value)])),
    ];
    const bytes = lengthOf(model);
    if (bytes > MOST_BYTES)
      throw new WeightsError(
        `An ONNX file holds at most 2 GiB; this network would take ${(bytes / 2 ** 30).toFixed(1)} GiB.`,
        { bytes },
      );
    return encodeMessage(model);
  }
}

function attributeField(name: string, value: Attribute): Field {
  const fields =
    typeof value === 'number'
      ? [wholeField(3, value), wholeField(20, KIND.int)]
      : 'float' in value
        ? [floatField(2, value.float), wholeField(20, KIND.float)]
        : [...value.map((n) => wholeField(8, n)), wholeField(20, KIND.ints)];
  return messageField(5, [textField(1, name), ...fields]);
}

function valueInfo(name: string, shape: readonly Dimension[]): Field[] {
  const dimensions = shape.map((n) => messageField(1, [typeof n === 'number' ? wholeField(1, n) : textField(2, n)]));
  return [textField(1, name), messageField(2, [messageField(1, [wholeField(1, FLOAT), messageField(2, dimensions)])])];
}
