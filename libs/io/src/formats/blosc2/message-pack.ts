/** The few kinds of MessagePack values that Blosc's frames are made of, one after another. Source: msgpack specification. */
import { FormatError } from '../../errors.ts';

export class MessagePack {
  position: number;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #file: string;

  constructor(bytes: Uint8Array, position: number, file: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#file = file;
    this.position = position;
  }

  fault(message: string, at = this.position): FormatError {
    return new FormatError(`${this.#file}: the Blosc frame is damaged at byte ${at}: ${message}.`, {
      file: this.#file,
      field: 'frame header',
      byteOffset: at,
    });
  }

  #take(bytes: number): number {
    const at = this.position;
    if (at < 0 || at + bytes > this.#bytes.length)
      throw this.fault(`${bytes} bytes were expected, the file ends at byte ${this.#bytes.length}`);
    this.position += bytes;
    return at;
  }

  #unexpected(what: string, at: number): FormatError {
    return this.fault(`${what} was expected, 0x${this.#bytes[at]!.toString(16).padStart(2, '0')} came`, at);
  }

  /** Number of elements that follow. */
  array(): number {
    const at = this.#take(1);
    const kind = this.#bytes[at]!;
    if (kind >>> 4 === 9) return kind & 15;
    if (kind === 0xdc) return this.#view.getUint16(this.#take(2));
    throw this.#unexpected('an array', at);
  }

  /** Number of pairs that follow. */
  map(): number {
    const at = this.#take(1);
    const kind = this.#bytes[at]!;
    if (kind >>> 4 === 8) return kind & 15;
    if (kind === 0xde) return this.#view.getUint16(this.#take(2));
    throw this.#unexpected('a map', at);
  }

  /** A whole number of at most 53 bits. */
  integer(): number {
    const at = this.#take(1);
    const kind = this.#bytes[at]!;
    if (kind < 0x80) return kind;
    if (kind >= 0xe0) return kind - 0x100;
    if (kind === 0xcc) return this.#bytes[this.#take(1)]!;
    if (kind === 0xcd) return this.#view.getUint16(this.#take(2));
    if (kind === 0xce) return this.#view.getUint32(this.#take(4));
    if (kind === 0xd0) return this.#view.getInt8(this.#take(1));
    if (kind === 0xd1) return this.#view.getInt16(this.#take(2));
    if (kind === 0xd2) return this.#view.getInt32(this.#take(4));
    if (kind !== 0xcf && kind !== 0xd3) throw this.#unexpected('a whole number', at);
    const wide = this.#take(8);
    const value = Number(kind === 0xcf ? this.#view.getBigUint64(wide) : this.#view.getBigInt64(wide));
    if (!Number.isSafeInteger(value)) throw this.fault(`${value} is no size`, wide);
    return value;
  }

  boolean(): boolean {
    const at = this.#take(1);
    if (this.#bytes[at] === 0xc2) return false;
    if (this.#bytes[at] === 0xc3) return true;
    throw this.#unexpected('true or false', at);
  }

  /** Latin-1: the names and types here are ASCII. */
  text(): string {
    const at = this.#take(1);
    const kind = this.#bytes[at]!;
    const length =
      kind >>> 5 === 5
        ? kind & 31
        : kind === 0xd9
          ? this.#bytes[this.#take(1)]!
          : kind === 0xda
            ? this.#view.getUint16(this.#take(2))
            : kind === 0xdb
              ? this.#view.getUint32(this.#take(4))
              : undefined;
    if (length === undefined) throw this.#unexpected('a text', at);
    const from = this.#take(length);
    return String.fromCharCode(...this.#bytes.subarray(from, from + Math.min(length, 1024)));
  }

  /** Passes a run of bytes with a type of its own. */
  skipFixed16(): void {
    const at = this.#take(1);
    if (this.#bytes[at] !== 0xd8) throw this.#unexpected('sixteen bytes', at);
    this.#take(17);
  }

  /** Passes over the head of a run of bytes to its first. */
  binary(): number {
    const at = this.#take(1);
    if (this.#bytes[at] !== 0xc6) throw this.#unexpected('bytes', at);
    return this.#view.getUint32(this.#take(4));
  }
}
