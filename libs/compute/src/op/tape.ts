/** The tape: while one is open, every operation is written down with its inputs and outputs, in order. */
import type { AnyOp } from './op.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface TapeEntry {
  readonly op: AnyOp;
  readonly inputs: Readonly<Record<string, Tensor | undefined>>;
  readonly options: unknown;
  readonly outputs: readonly Tensor[];
}

export type Tape = TapeEntry[];

let open: Tape | undefined;

export function recordOnTape(entry: TapeEntry): void {
  open?.push(entry);
}

/** Runs `body` with a fresh tape open and returns both. Tapes nest; the inner one hides the outer. */
export function taped<T>(body: () => T): { readonly result: T; readonly tape: Tape } {
  return withTape([], body);
}

/** Runs `body` with no tape open. */
export function untaped<T>(body: () => T): T {
  const outer = open;
  open = undefined;
  try {
    return body();
  } finally {
    open = outer;
  }
}

function withTape<T>(tape: Tape, body: () => T): { result: T; tape: Tape } {
  const outer = open;
  open = tape;
  try {
    return { result: body(), tape };
  } finally {
    open = outer;
  }
}
