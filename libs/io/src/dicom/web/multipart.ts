/** multipart/related bodies (RFC 2046, PS3.18 8.6): parts as they arrive, and parts to send. */
import { FormatError } from '../../errors.ts';

/** One part: its headers in lower case, its body. */
export interface Part {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const latin = new TextDecoder('iso-8859-1');
const ascii = new TextEncoder();
const MAX_HEADERS = 16384;
/** What may follow a delimiter on its line, spaces and line end. */
const LINE_END = 64;

/** The boundary of a Content-Type, or undefined when the body is not multipart. */
export function boundaryOf(contentType: string): string | undefined {
  if (!/^multipart\//i.test(contentType.trim())) return undefined;
  const found = /boundary=(?:"([^"]{1,200})"|([^;\s]{1,200}))/i.exec(contentType);
  return found?.[1] ?? found?.[2];
}

/** Bytes that arrived and were not yet handed out. */
class Window {
  private store = new Uint8Array(65536);
  private length = 0;
  get bytes(): Uint8Array {
    return this.store.subarray(0, this.length);
  }
  push(chunk: Uint8Array): void {
    if (this.length + chunk.length > this.store.length) {
      const larger = new Uint8Array(Math.max(this.store.length * 2, this.length + chunk.length));
      larger.set(this.bytes);
      this.store = larger;
    }
    this.store.set(chunk, this.length);
    this.length += chunk.length;
  }
  drop(count: number): void {
    this.store.copyWithin(0, count, this.length);
    this.length -= count;
  }
}

/** Where `pattern` begins in `bytes`, at or after `from`; -1 when it does not. */
function find(bytes: Uint8Array, pattern: Uint8Array, from: number): number {
  for (
    let at = bytes.indexOf(pattern[0]!, from);
    at >= 0 && at + pattern.length <= bytes.length;
    at = bytes.indexOf(pattern[0]!, at + 1)
  ) {
    let i = 1;
    while (i < pattern.length && bytes[at + i] === pattern[i]) i++;
    if (i === pattern.length) return at;
  }
  return -1;
}

function headersOf(bytes: Uint8Array): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of latin.decode(bytes).split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  return headers;
}

/** Where a delimiter stands at or after `from`: one that a line end or two dashes follow. -1 when none does, or more bytes must tell. */
function findDelimiter(bytes: Uint8Array, delimiter: Uint8Array, from: number): number {
  for (let at = find(bytes, delimiter, from); at >= 0; at = find(bytes, delimiter, at + 1)) {
    let next = at + delimiter.length;
    while (bytes[next] === 0x20 || bytes[next] === 0x09) next++;
    const [a, b] = [bytes[next], bytes[next + 1]];
    if (b === undefined) return -1;
    if ((a === 0x0d && b === 0x0a) || (a === 0x2d && b === 0x2d)) return at;
  }
  return -1;
}

/**
 * Splits a body into its parts while it arrives; only the part at hand is in memory. A last boundary may be missing where the length of
 * the part before is stated and reached.
 * Throws: FormatError when the body ends before.
 */
export async function* readParts(
  chunks: AsyncIterable<Uint8Array>,
  boundary: string,
  name: string,
): AsyncGenerator<Part> {
  const delimiter = ascii.encode(`\r\n--${boundary}`);
  const blank = ascii.encode('\r\n\r\n');
  const window = new Window();
  // The first delimiter may stand at the very start, without the line break before it.
  window.push(ascii.encode('\r\n'));
  let state: 'preamble' | 'headers' | 'body' = 'preamble';
  let headers: Record<string, string> = {};
  let searched = 0;
  let received = 0;
  const fault = (message: string): FormatError =>
    new FormatError(`${name}: ${message}`, { file: name, field: 'multipart', byteOffset: received });
  for await (const chunk of chunks) {
    received += chunk.length;
    window.push(chunk);
    for (;;) {
      const bytes = window.bytes;
      if (state === 'headers') {
        if (bytes.length >= 2 && bytes[0] === 0x2d && bytes[1] === 0x2d) return;
        const end = find(bytes, blank, 0);
        if (end < 0) {
          if (bytes.length > MAX_HEADERS) throw fault('the headers of a part do not end.');
          break;
        }
        headers = headersOf(bytes.subarray(0, end));
        window.drop(end + blank.length);
        state = 'body';
        searched = 0;
        continue;
      }
      const at = findDelimiter(bytes, delimiter, searched);
      if (at < 0) {
        searched = Math.max(0, bytes.length - delimiter.length - LINE_END);
        break;
      }
      if (state === 'body') yield { headers, body: bytes.slice(0, at) };
      window.drop(at + delimiter.length);
      state = 'headers';
      searched = 0;
    }
  }
  const rest = window.bytes;
  if (state === 'headers' && rest[0] === 0x2d) return;
  const stated = Number(headers['content-length'] ?? NaN);
  if (
    state === 'body' &&
    stated > 0 &&
    rest.length >= stated &&
    rest.subarray(stated).every((b) => b === 13 || b === 10)
  )
    return yield { headers, body: rest.slice(0, stated) };
  throw fault(
    `the answer ends after ${received} bytes, before its last part is complete; the connection may have been cut.`,
  );
}

/** A multipart/related body of DICOM files. */
export function writeParts(files: readonly Uint8Array[], boundary: string): Uint8Array {
  const pieces = files.flatMap((file) => [
    ascii.encode(`--${boundary}\r\nContent-Type: application/dicom\r\nContent-Length: ${file.length}\r\n\r\n`),
    file,
    ascii.encode('\r\n'),
  ]);
  pieces.push(ascii.encode(`--${boundary}--\r\n`));
  const out = new Uint8Array(pieces.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}
