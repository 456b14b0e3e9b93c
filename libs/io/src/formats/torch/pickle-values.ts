/** What comes out of a pickle: plain values, and names of things that were never run. */

/** A global that the pickle names: a class or function. Nothing is imported, nothing is called. */
export class PickleGlobal {
  readonly module: string;
  readonly name: string;
  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }
  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/** The result of calling, or making an object of, a global that this library does not know: kept, never run. */
export class OpaqueObject {
  readonly type: PickleGlobal;
  readonly args: PickleValue;
  state: PickleValue = null;
  constructor(type: PickleGlobal, args: PickleValue) {
    this.type = type;
    this.args = args;
  }
}

/** A Python tuple; lists are plain arrays. */
export class Tuple {
  readonly items: readonly PickleValue[];
  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

/** A Python float with a whole value, which a plain number could not tell from an int. Only writers need it. */
export class PyFloat {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** collections.OrderedDict; plain dicts are plain Maps. `attributes`: what was set on it, such as torch's `_metadata`. */
export class OrderedDict extends Map<PickleValue, PickleValue> {
  attributes: PickleValue = null;
}

/** Objects of the reader's own making: tensors, storages. */
export type Foreign = { readonly foreign: string };

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Tuple
  | PyFloat
  | OpaqueObject
  | PickleGlobal
  | Foreign
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>;
