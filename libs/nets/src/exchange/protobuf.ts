/** As much of protocol buffers as writing a model takes: messages are lists of fields, each already bytes. Source: protobuf.dev/programming-guides/encoding. */

/** An encoded field, in pieces so that weights are not copied on the way up. */
export interface Field {
  readonly pieces: readonly Uint8Array[];
  readonly length: number;
}

const VARINT = 0;
const DELIMITED = 2;
const FIXED32 = 5;
const text = new TextEncoder();

/** A whole number from 0 on. */
export function wholeField(number: number, value: number): Field {
  return fieldOf([...varint(number * 8 + VARINT), ...varint(value)]);
}

export function floatField(number: number, value: number): Field {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return fieldOf([...varint(number * 8 + FIXED32), ...bytes]);
}

export function textField(number: number, value: string): Field {
  return bytesField(number, text.encode(value));
}

export function bytesField(number: number, bytes: Uint8Array): Field {
  return delimited(number, [bytes], bytes.length);
}

/** A message within a message. */
export function messageField(number: number, fields: readonly Field[]): Field {
  return delimited(
    number,
    fields.flatMap((field) => field.pieces),
    lengthOf(fields),
  );
}

/** The outermost message as one array. */
export function encodeMessage(fields: readonly Field[]): Uint8Array {
  const bytes = new Uint8Array(lengthOf(fields));
  let at = 0;
  for (const { pieces } of fields)
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
  return bytes;
}

export function lengthOf(fields: readonly Field[]): number {
  return fields.reduce((sum, field) => sum + field.length, 0);
}

function delimited(number: number, pieces: readonly Uint8Array[], length: number): Field {
  const head = Uint8Array.from([...varint(number * 8 + DELIMITED), ...varint(length)]);
  return { pieces: [head, ...pieces], length: head.length + length };
}

function fieldOf(bytes: readonly number[]): Field {
  return { pieces: [Uint8Array.from(bytes)], length: bytes.length };
}

/** Seven bits a byte, the lowest first. Division, not shifts: lengths pass 2³¹. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}
