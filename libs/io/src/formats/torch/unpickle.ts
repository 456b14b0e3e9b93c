/**
 * An inert reader of Python pickles, protocols 0 to 5: a stack machine that builds plain values and runs nothing. Calls go to a
 * short list of known constructors; every other global becomes an `OpaqueObject` that remembers its name.
 */
import { FormatError } from '../../errors.ts';
import { OpaqueObject, OrderedDict, PickleGlobal, Tuple } from './pickle-values.ts';
import type { PickleValue } from './pickle-values.ts';

/** How the reader's owner takes part: persistent ids (storages) and calls it knows. */
export interface PickleHooks {
  persistent(id: PickleValue): PickleValue;
  /** A call of `type` with `args`; undefined if unknown. */
  call(type: PickleGlobal, args: readonly PickleValue[]): PickleValue | undefined;
  /** State set on a value that is not opaque; false if not understood. */
  build?(target: PickleValue, state: PickleValue): boolean;
}

export interface UnpickleOptions {
  readonly file?: string | undefined;
  /** Where in the file the pickle starts, for error messages. */
  readonly fileOffset?: number;
  readonly hooks?: PickleHooks;
  /** Instructions after which a pickle is refused, so that none of a few megabytes keeps the reader for long. Default 2^22. */
  readonly mostSteps?: number;
}

const MARK: unique symbol = Symbol('mark');
type Slot = PickleValue | typeof MARK;
/** Python's own integers have no limit; numbers in checkpoints do. */
const MOST_INTEGER_BYTES = 1024;

const NO_HOOKS: PickleHooks = {
  persistent: (id) => new OpaqueObject(new PickleGlobal('pickle', 'persistent_id'), id),
  call: () => undefined,
};

/**
 * Reads one pickle from `start`. Returns the value and where the next byte after it lies.
 *
 * Throws: FormatError (byte offset of the opcode) for cut, malformed, unknown or endless code.
 */
export function unpickle(
  bytes: Uint8Array,
  start = 0,
  { file, fileOffset = 0, hooks = NO_HOOKS, mostSteps = 2 ** 22 }: UnpickleOptions = {},
): { readonly value: PickleValue; readonly end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const utf8 = new TextDecoder();
  const latin1 = new TextDecoder('latin1');
  const memo = new Map<number, PickleValue>();
  const stack: Slot[] = [];
  let at = start;
  let opAt = start;

  const fail = (message: string): never => {
    throw new FormatError(`${file ?? 'pickle'}: ${message} (byte ${fileOffset + opAt}).`, {
      ...(file === undefined ? {} : { file }),
      field: 'pickle',
      byteOffset: fileOffset + opAt,
    });
  };
  /** What the reader's owner makes of something; its refusals get their byte. */
  const asked = <T>(answer: () => T): T => {
    try {
      return answer();
    } catch (error) {
      throw error instanceof FormatError ? error.atByte(fileOffset + opAt) : error;
    }
  };
  const need = (n: number): number => {
    if (!(n >= 0) || at + n > bytes.length)
      fail(`the pickle is cut off: ${n} bytes are needed, ${bytes.length - at} are left`);
    at += n;
    return at - n;
  };
  const take = (n: number): Uint8Array => bytes.subarray(need(n), at);
  const line = (): string => {
    const end = bytes.indexOf(10, at);
    if (end < 0) fail('a text argument has no end');
    const text = latin1.decode(bytes.subarray(at, end));
    at = end + 1;
    return text;
  };
  const u8 = (): number => view.getUint8(need(1));
  const u16 = (): number => view.getUint16(need(2), true);
  const u32 = (): number => view.getUint32(need(4), true);
  const u64 = (): number => Number(view.getBigUint64(need(8), true));
  const push = (value: Slot): void => void stack.push(value);
  const pop = (): PickleValue => {
    const value = stack.pop();
    if (value === undefined || value === MARK) return fail('the stack is empty');
    return value;
  };
  const top = (): PickleValue => {
    const value = stack[stack.length - 1];
    if (value === undefined || value === MARK) return fail('the stack is empty');
    return value;
  };
  const popMark = (): PickleValue[] => {
    const mark = stack.lastIndexOf(MARK);
    if (mark < 0) return fail('there is no mark on the stack');
    return stack.splice(mark).slice(1) as PickleValue[];
  };
  const list = (value: PickleValue): PickleValue[] =>
    Array.isArray(value)
      ? value
      : value instanceof OpaqueObject
        ? []
        : fail('items are appended to something that is no list');
  const setAll = (target: PickleValue, items: readonly PickleValue[]): void => {
    if (items.length % 2 !== 0) fail('a key has no value');
    if (!(target instanceof Map)) {
      if (target instanceof OpaqueObject) return;
      fail('items are set on something that is no dictionary');
    }
    for (let i = 0; i < items.length; i += 2) (target as Map<PickleValue, PickleValue>).set(items[i]!, items[i + 1]!);
  };
  const recall = (index: number): PickleValue => {
    const value = memo.get(index);
    return value === undefined ? fail(`memo entry ${index} does not exist`) : value;
  };
  const long = (raw: Uint8Array): number | bigint => {
    if (raw.length > MOST_INTEGER_BYTES) fail(`an integer of ${raw.length} bytes is refused`);
    let value = 0n;
    for (let i = raw.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(raw[i]!);
    if (raw.length > 0 && raw[raw.length - 1]! & 128) value -= 1n << BigInt(8 * raw.length);
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  };
  const integer = (text: string): number | bigint => {
    const digits = text.replace(/L$/, '').trim();
    if (!/^[-+]?\d{1,2000}$/.test(digits)) fail(`"${digits.slice(0, 40)}" is no integer`);
    const value = BigInt(digits.replace(/^\+/, ''));
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  };
  const global = (module: string, name: string): PickleGlobal => {
    if (module.length > 1000 || name.length > 1000) fail('the name of a global is longer than 1000 letters');
    return new PickleGlobal(module, name);
  };
  const call = (callee: PickleValue, args: PickleValue): PickleValue => {
    if (callee instanceof PickleGlobal) {
      const known =
        args instanceof Tuple
          ? asked(() => hooks.call(callee, args.items) ?? callKnown(callee, args.items))
          : undefined;
      return known === undefined ? new OpaqueObject(callee, args) : known;
    }
    return new OpaqueObject(new PickleGlobal('', 'call of an object'), args);
  };
  const build = (target: PickleValue, state: PickleValue): void => {
    if (asked(() => hooks.build?.(target, state))) return;
    if (target instanceof OpaqueObject) target.state = state;
    else if (target instanceof OrderedDict) target.attributes = state;
  };

  for (let steps = 0; ; steps++) {
    opAt = at;
    if (steps === mostSteps) fail(`more than ${mostSteps} instructions are refused`);
    const op = u8();
    switch (op) {
      case 0x80:
        if (u8() > 5) fail('the pickle protocol is newer than 5');
        break; // PROTO
      case 0x95:
        need(8);
        break; // FRAME
      case 0x2e: {
        // STOP
        const value = pop();
        return { value, end: at };
      }
      case 0x28:
        push(MARK);
        break; // MARK
      case 0x30:
        if (stack.pop() === undefined) fail('the stack is empty');
        break; // POP
      case 0x31:
        popMark();
        break; // POP_MARK
      case 0x32:
        push(top());
        break; // DUP
      case 0x4e:
        push(null);
        break; // NONE
      case 0x88:
        push(true);
        break; // NEWTRUE
      case 0x89:
        push(false);
        break; // NEWFALSE
      case 0x49: {
        const text = line();
        push(text === '00' ? false : text === '01' ? true : integer(text));
        break;
      } // INT
      case 0x4c:
        push(integer(line()));
        break; // LONG
      case 0x46:
        push(Number(line()));
        break; // FLOAT
      case 0x4a:
        push(view.getInt32(need(4), true));
        break; // BININT
      case 0x4b:
        push(u8());
        break; // BININT1
      case 0x4d:
        push(u16());
        break; // BININT2
      case 0x8a:
        push(long(take(u8())));
        break; // LONG1
      case 0x8b:
        push(long(take(view.getInt32(need(4), true))));
        break; // LONG4
      case 0x47:
        push(view.getFloat64(need(8), false));
        break; // BINFLOAT
      case 0x53:
        push(line().replace(/^(['"])(.*)\1$/s, '$2'));
        break; // STRING
      case 0x54:
        push(latin1.decode(take(view.getInt32(need(4), true))));
        break; // BINSTRING
      case 0x55:
        push(latin1.decode(take(u8())));
        break; // SHORT_BINSTRING
      case 0x56:
        push(line());
        break; // UNICODE
      case 0x8c:
        push(utf8.decode(take(u8())));
        break; // SHORT_BINUNICODE
      case 0x58:
        push(utf8.decode(take(u32())));
        break; // BINUNICODE
      case 0x8d:
        push(utf8.decode(take(u64())));
        break; // BINUNICODE8
      case 0x43:
        push(take(u8()));
        break; // SHORT_BINBYTES
      case 0x42:
        push(take(u32()));
        break; // BINBYTES
      case 0x8e:
      case 0x96:
        push(take(u64()));
        break; // BINBYTES8, BYTEARRAY8
      case 0x5d:
        push([]);
        break; // EMPTY_LIST
      case 0x29:
        push(new Tuple([]));
        break; // EMPTY_TUPLE
      case 0x7d:
        push(new Map());
        break; // EMPTY_DICT
      case 0x8f:
        push(new Set());
        break; // EMPTY_SET
      case 0x6c:
        push(popMark());
        break; // LIST
      case 0x74:
        push(new Tuple(popMark()));
        break; // TUPLE
      case 0x85:
        push(new Tuple([pop()]));
        break; // TUPLE1
      case 0x86: {
        const b = pop();
        push(new Tuple([pop(), b]));
        break;
      } // TUPLE2
      case 0x87: {
        const c = pop();
        const b = pop();
        push(new Tuple([pop(), b, c]));
        break;
      } // TUPLE3
      case 0x64: {
        const items = popMark();
        const map = new Map<PickleValue, PickleValue>();
        setAll(map, items);
        push(map);
        break;
      } // DICT
      case 0x91:
        push(new Set(popMark()));
        break; // FROZENSET
      case 0x61: {
        const item = pop();
        list(top()).push(item);
        break;
      } // APPEND
      case 0x65: {
        const items = popMark();
        const target = list(top());
        for (const item of items) target.push(item);
        break;
      } // APPENDS
      case 0x73: {
        const value = pop();
        const key = pop();
        setAll(top(), [key, value]);
        break;
      } // SETITEM
      case 0x75: {
        const items = popMark();
        setAll(top(), items);
        break;
      } // SETITEMS
      case 0x90: {
        const items = popMark();
        const target = top();
        if (target instanceof Set) for (const item of items) target.add(item);
        break;
      } // ADDITEMS
      case 0x70:
        memo.set(Number(line()), top());
        break; // PUT
      case 0x71:
        memo.set(u8(), top());
        break; // BINPUT
      case 0x72:
        memo.set(u32(), top());
        break; // LONG_BINPUT
      case 0x94:
        memo.set(memo.size, top());
        break; // MEMOIZE
      case 0x67:
        push(recall(Number(line())));
        break; // GET
      case 0x68:
        push(recall(u8()));
        break; // BINGET
      case 0x6a:
        push(recall(u32()));
        break; // LONG_BINGET
      case 0x63: {
        const module = line();
        push(global(module, line()));
        break;
      } // GLOBAL
      case 0x93: {
        const name = pop();
        const module = pop();
        push(
          typeof name === 'string' && typeof module === 'string' ? global(module, name) : fail('a global has no name'),
        );
        break;
      } // STACK_GLOBAL
      case 0x52: {
        const args = pop();
        push(call(pop(), args));
        break;
      } // REDUCE
      case 0x81: {
        const args = pop();
        push(call(pop(), args));
        break;
      } // NEWOBJ
      case 0x92: {
        const keywords = pop();
        const args = pop();
        push(call(pop(), new Tuple([args, keywords])));
        break;
      } // NEWOBJ_EX
      case 0x69: {
        const module = line();
        const name = line();
        push(call(global(module, name), new Tuple(popMark())));
        break;
      } // INST
      case 0x6f: {
        const items = popMark();
        push(call(items[0] ?? fail('an object has no class'), new Tuple(items.slice(1))));
        break;
      } // OBJ
      case 0x62: {
        const state = pop();
        build(top(), state);
        break;
      } // BUILD
      case 0x50:
        push(asked(() => hooks.persistent(line())));
        break; // PERSID
      case 0x51:
        push(asked(() => hooks.persistent(pop())));
        break; // BINPERSID
      case 0x82:
        push(new OpaqueObject(global('copyreg', `extension ${u8()}`), null));
        break; // EXT1
      case 0x83:
        push(new OpaqueObject(global('copyreg', `extension ${u16()}`), null));
        break; // EXT2
      case 0x84:
        push(new OpaqueObject(global('copyreg', `extension ${u32()}`), null));
        break; // EXT4
      case 0x97:
      case 0x98:
        fail('buffers outside the pickle are not read');
        break; // NEXT_BUFFER, READONLY_BUFFER
      default:
        fail(`0x${op.toString(16)} is no pickle instruction`);
    }
  }
}

/** The few constructors of Python itself that only hold values. */
function callKnown({ module, name }: PickleGlobal, args: readonly PickleValue[]): PickleValue | undefined {
  const items =
    args[0] instanceof Tuple
      ? args[0].items
      : Array.isArray(args[0])
        ? args[0]
        : args[0] instanceof Set
          ? [...args[0]]
          : [];
  switch (`${module}.${name}`) {
    case 'collections.OrderedDict': {
      const dict = new OrderedDict();
      for (const pair of items) {
        const [key, value] = pair instanceof Tuple ? pair.items : Array.isArray(pair) ? pair : [];
        if (key !== undefined && value !== undefined) dict.set(key, value);
      }
      return dict;
    }
    case 'collections.defaultdict':
    case 'builtins.dict':
    case '__builtin__.dict':
      return new Map();
    case 'builtins.set':
    case '__builtin__.set':
    case 'builtins.frozenset':
    case '__builtin__.frozenset':
      return new Set(items);
    case 'builtins.list':
    case '__builtin__.list':
      return [...items];
    case 'builtins.tuple':
    case '__builtin__.tuple':
    case 'torch.Size':
      return new Tuple(items);
    case '_codecs.encode':
      return typeof args[0] === 'string' && /^latin-?1$/i.test(typeof args[1] === 'string' ? args[1] : 'latin1')
        ? Uint8Array.from(args[0], (c) => c.charCodeAt(0))
        : undefined;
    default:
      return undefined;
  }
}
