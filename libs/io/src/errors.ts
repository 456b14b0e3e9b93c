/** Errors of this library. Each carries a stable `code` and the fields that made it. */

/** Where in which file the fault sits, and whatever else explains it. */
export interface FormatErrorPlace {
  /** Name or path of the file, as far as the caller told it. */
  readonly file?: string;
  /** The header field, tag or JSON key at fault. */
  readonly field?: string;
  /** Position in the file, in bytes from its start, where the fault was noticed. */
  readonly byteOffset?: number;
  /** Anything more: expected and found values. Plain JSON. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * Bytes that are not what they claim: truncated, hostile, contradictory, or of a kind this library does not read.
 *
 * `message` is one paragraph for a person: who speaks, what was expected, what came, what to do.
 */
export class FormatError extends Error {
  readonly code = 'format';
  readonly file: string | undefined;
  readonly field: string | undefined;
  readonly byteOffset: number | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  constructor(message: string, place: FormatErrorPlace = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'FormatError';
    this.file = place.file;
    this.field = place.field;
    this.byteOffset = place.byteOffset;
    this.details = place.details ?? {};
  }

  /** The same fault, told of a named file: for callers that know the path when the decoder did not. */
  inFile(file: string): FormatError {
    return this.file === undefined ? this.#told(`${file}: ${this.message}`, { file }) : this;
  }

  /** The same fault with its byte, for callers that know it when whoever noticed did not. */
  atByte(byteOffset: number): FormatError {
    return this.byteOffset === undefined ? this.#told(this.message, { byteOffset }) : this;
  }

  #told(message: string, more: FormatErrorPlace): FormatError {
    const { file, field, byteOffset, details } = this;
    const known = { file, field, byteOffset, details, ...more };
    const place = Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
    return new FormatError(message, place, { cause: this });
  }
}

/** A data set whose description contradicts itself or its files: wrong JSON, missing files, paths that leave the folder. */
export class DatasetError extends Error {
  readonly code = 'dataset';
  readonly file: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  constructor(
    message: string,
    place: { readonly file?: string; readonly details?: Readonly<Record<string, unknown>> } = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'DatasetError';
    this.file = place.file;
    this.details = place.details ?? {};
  }
}

/** A server that cannot be reached, refuses, or answers with something else than was asked for. */
export class ServerError extends Error {
  readonly code = 'server';
  readonly url: string;
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  constructor(
    message: string,
    place: { readonly url: string; readonly status?: number; readonly details?: Readonly<Record<string, unknown>> },
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'ServerError';
    this.url = place.url;
    this.status = place.status;
    this.details = place.details ?? {};
  }
}
