/**
 * JSON as Python's `json` module writes and reads it: bare NaN and Infinity, floats that keep their ".0", escapes for
 * everything outside ASCII. The files of nnU-Net and MONAI are of this kind, and strict parsers refuse them.
 */
import { JsonError } from './errors.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Keys and indices from the root to a value. */
export type JsonPath = readonly (string | number)[];

export interface WriteJsonOptions {
  /** Spaces per level; 0 writes one line. Default 4, as the references do. */
  readonly indent?: number;
  /** Keys in code-point order instead of insertion order. Default false. */
  readonly sortKeys?: boolean;
  /**
   * Whether the number at this path is a Python float, so that 1 is written as 1.0. Numbers with a fraction, and
   * non-finite ones, always are. Default: none else.
   */
  readonly isFloat?: (path: JsonPath) => boolean;
}

/** Writes a value the way Python's `json.dump(value, indent=4)` would. */
export function writePythonJson(value: unknown, options: WriteJsonOptions = {}): string {
  const { indent = 4, sortKeys = false, isFloat = () => false } = options;
  const lineEnd = (depth: number): string => (indent > 0 ? `\n${' '.repeat(indent * depth)}` : '');
  const comma = indent > 0 ? ',' : ', ';

  const group = (open: string, items: readonly string[], close: string, depth: number): string =>
    items.length === 0
      ? open + close
      : `${open}${lineEnd(depth + 1)}${items.join(comma + lineEnd(depth + 1))}${lineEnd(depth)}${close}`;

  const write = (node: unknown, path: JsonPath): string => {
    if (node === null || node === undefined) return 'null';
    if (typeof node === 'boolean') return String(node);
    if (typeof node === 'number') return writeNumber(node, isFloat(path));
    if (typeof node === 'string') return quote(node);
    if (typeof node !== 'object')
      throw new JsonError(`writePythonJson: a ${typeof node} at ${pathText(path)} cannot be written as JSON.`, {
        path,
      });
    if (Array.isArray(node) || ArrayBuffer.isView(node)) {
      const items = Array.from(node as ArrayLike<unknown>, (item, i) => write(item, [...path, i]));
      return group('[', items, ']', path.length);
    }
    const keys = Object.keys(node).filter((key) => (node as Record<string, unknown>)[key] !== undefined);
    if (sortKeys) keys.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const members = keys.map(
      (key) => `${quote(key)}: ${write((node as Record<string, unknown>)[key], [...path, key])}`,
    );
    return group('{', members, '}', path.length);
  };
  return write(value, []);
}

/** A number as Python's `repr` writes it: shortest digits, exponent below 1e-4 and from 1e16 on. */
export function writeNumber(x: number, float: boolean): string {
  if (Number.isNaN(x)) return 'NaN';
  if (!Number.isFinite(x)) return x > 0 ? 'Infinity' : '-Infinity';
  if (Object.is(x, -0)) return float ? '-0.0' : '0';
  if (Number.isInteger(x) && !float) return Math.abs(x) < 1e21 ? String(x) : BigInt(x).toString();
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits, exponent] = x.toExponential().split('e') as [string, string];
    const sign = exponent.startsWith('-') ? '-' : '+';
    return `${digits}e${sign}${exponent.replace(/^[+-]/, '').padStart(2, '0')}`;
  }
  const text = String(x);
  return text.includes('.') ? text : `${text}.0`;
}

function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** "a.b[0]" */
export function pathText(path: JsonPath): string {
  const text = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
  return text === '' ? 'the root' : text.replace(/^\./, '');
}

const DEEPEST = 256;

/**
 * Reads JSON, with the NaN, Infinity and -Infinity tokens that Python writes.
 *
 * Throws: JsonError with line and column, at the first thing that is not JSON or nests deeper than 256 levels.
 */
export function parsePythonJson(text: string, from = 'parsePythonJson'): Json {
  return new Reader(text, from).whole();
}

class Reader {
  readonly #text: string;
  readonly #from: string;
  #at = 0;

  constructor(text: string, from: string) {
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text;
    this.#from = from;
  }

  whole(): Json {
    const value = this.#value(0);
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail('the end of the text');
    return value;
  }

  #value(depth: number): Json {
    if (depth > DEEPEST) this.#fail(`at most ${DEEPEST} levels`);
    this.#skipSpace();
    const first = this.#text[this.#at];
    if (first === '{') return this.#object(depth);
    if (first === '[') return this.#array(depth);
    if (first === '"') return this.#string();
    const token = /[-+.\w]+/y;
    token.lastIndex = this.#at;
    const word = token.exec(this.#text)?.[0] ?? '';
    if (!CONSTANTS.has(word) && !NUMBER.test(word)) this.#fail('a value');
    this.#at += word.length;
    return CONSTANTS.has(word) ? CONSTANTS.get(word)! : Number(word);
  }

  #object(depth: number): Json {
    const members: Record<string, Json> = {};
    this.#at++;
    for (let first = true; !this.#take('}'); first = false) {
      if (!first && !this.#take(',')) this.#fail('"," or "}"');
      this.#skipSpace();
      if (this.#text[this.#at] !== '"') this.#fail('a key in double quotes');
      const key = this.#string();
      if (!this.#take(':')) this.#fail('":"');
      // Defined, not assigned: a key "__proto__" must stay a key.
      const value = this.#value(depth + 1);
      Object.defineProperty(members, key, { value, enumerable: true, configurable: true, writable: true });
    }
    return members;
  }

  #array(depth: number): Json {
    const items: Json[] = [];
    this.#at++;
    for (let first = true; !this.#take(']'); first = false) {
      if (!first && !this.#take(',')) this.#fail('"," or "]"');
      items.push(this.#value(depth + 1));
    }
    return items;
  }

  #string(): string {
    const literal = /"[^"\\]*(?:\\.[^"\\]*)*"/sy;
    literal.lastIndex = this.#at;
    const found = literal.exec(this.#text)?.[0];
    if (found === undefined) this.#fail('the closing quote of a string');
    try {
      const text = JSON.parse(found.replace(/[\n\r\t]/g, (c) => JSON.stringify(c).slice(1, -1))) as string;
      this.#at += found.length;
      return text;
    } catch {
      return this.#fail('a valid string');
    }
  }

  #take(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #skipSpace(): void {
    while (' \n\r\t'.includes(this.#text[this.#at] ?? '?')) this.#at++;
  }

  #fail(expected: string): never {
    const before = this.#text.slice(0, this.#at).split('\n');
    const [line, column] = [before.length, before.at(-1)!.length + 1];
    const came = this.#at < this.#text.length ? JSON.stringify(this.#text.slice(this.#at, this.#at + 12)) : 'the end';
    throw new JsonError(`${this.#from}: line ${line}, column ${column}: expected ${expected}, came ${came}.`, {
      line,
      column,
      expected,
    });
  }
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/;
const CONSTANTS = new Map<string, Json>([
  ['null', null],
  ['true', true],
  ['false', false],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);
