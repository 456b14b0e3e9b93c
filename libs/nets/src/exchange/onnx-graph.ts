/** A graph of ONNX operators under construction, and its bytes. Source: onnx.proto3, IR version 8, operator set 17. */
import { describe, type HostArray, type TensorSpec } from '@voxelwise/compute';
import { WeightsError } from '../errors.ts';
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
/** TensorProto.DataType */
export const TYPES = { f32: 1, u8: 2, i32: 6, i64: 7, bool: 9, f16: 10 } as const;
/** AttributeProto.AttributeType */
const KIND = { float: 1, int: 2, string: 3, ints: 7 } as const;
/** Protocol buffers end here. */
const MOST_BYTES = 2 ** 31 - 1;

/** A list is `ints`, a number an `int`; whole numbers from 0 on. */
export type Attribute = number | readonly number[] | { readonly float: number } | { readonly text: string };

/** A dimension: a number, or a name where any number goes. */
export type Dimension = number | string;

/** What goes in or comes out, by name. */
export interface Port {
  readonly name: string;
  readonly dtype: TensorSpec['dtype'];
  readonly shape: readonly Dimension[];
}

export class OnnxGraph {
  readonly #nodes: Field[] = [];
  readonly #tensors = new Map<string, Field>();
  /** Names of constants by what they hold. */
  readonly #constants = new Map<string, string>();
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
  tensor(name: string, { shape, dtype }: TensorSpec, data: HostArray): string {
    return this.#store(name, shape, TYPES[dtype], data);
  }

  /** Stores numbers without a name of their own; the same numbers only once. */
  constant(spec: TensorSpec, data: HostArray): string {
    return this.#named(`${describe(spec)} ${data.join()}`, (name) => this.tensor(name, spec, data));
  }

  /** One number. */
  number(value: number, dtype: TensorSpec['dtype'] = 'f32'): string {
    const data =
      dtype === 'f32' ? Float32Array.of(value) : dtype === 'i32' ? Int32Array.of(value) : Uint8Array.of(value);
    return this.constant({ shape: [], dtype }, data);
  }

  /** A list of sizes, places or axes. */
  wholes(list: readonly number[]): string {
    const data = BigInt64Array.from(list, BigInt);
    return this.#named(`i64 ${list.join()}`, (name) => this.#store(name, [list.length], TYPES.i64, data));
  }

  /** Whether another graph does the same: its nodes, and its constants, but for the weights they share. */
  sameAs(other: OnnxGraph): boolean {
    return (
      this.#nodes.length === other.#nodes.length &&
      this.#nodes.every((node, k) => sameBytes(node, other.#nodes[k]!)) &&
      [...this.#constants].join('\n') === [...other.#constants].join('\n')
    );
  }

  /** The model file. Throws: WeightsError past 2 GiB, where protocol buffers end. */
  encode(name: string, image: Port, outputs: readonly Port[], metadata: Readonly<Record<string, string>>): Uint8Array {
    const graph = [
      ...this.#nodes,
      textField(2, name),
      ...this.#tensors.values(),
      messageField(11, valueInfo(image)),
      ...outputs.map((output) => messageField(12, valueInfo(output))),
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

  #named(content: string, store: (name: string) => string): string {
    let name = this.#constants.get(content);
    if (name === undefined) this.#constants.set(content, (name = store(`c${this.#constants.size}`)));
    return name;
  }

  #store(name: string, shape: readonly number[], type: number, data: ArrayBufferView): string {
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const fields = [...shape.map((n) => wholeField(1, n)), wholeField(2, type), textField(8, name), bytesField(9, raw)];
    this.#tensors.set(name, messageField(5, fields));
    return name;
  }
}

function sameBytes(a: Field, b: Field): boolean {
  const bytes = ({ pieces }: Field): number[] => pieces.flatMap((piece) => [...piece]);
  const other = bytes(b);
  return a.length === b.length && bytes(a).every((byte, k) => byte === other[k]);
}

function attributeField(name: string, value: Attribute): Field {
  const fields =
    typeof value === 'number'
      ? [wholeField(3, value), wholeField(20, KIND.int)]
      : 'float' in value
        ? [floatField(2, value.float), wholeField(20, KIND.float)]
        : 'text' in value
          ? [textField(4, value.text), wholeField(20, KIND.string)]
          : [...value.map((n) => wholeField(8, n)), wholeField(20, KIND.ints)];
  return messageField(5, [textField(1, name), ...fields]);
}

function valueInfo({ name, dtype, shape }: Port): Field[] {
  const dimensions = shape.map((n) => messageField(1, [typeof n === 'number' ? wholeField(1, n) : textField(2, n)]));
  const type = [wholeField(1, TYPES[dtype]), messageField(2, dimensions)];
  return [textField(1, name), messageField(2, [messageField(1, type)])];
}
