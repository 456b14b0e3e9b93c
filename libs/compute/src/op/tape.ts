/** The tape: while one is open, every operation is written down with its inputs and outputs, in order. */
import type { AnyOp } from './op.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface TapeEntry {
  readonly op: AnyOp;
  readonly inputs: Readonly<Record<string, Tensor | undefined>>;
  readonly options: unknown;
  readonly outputs: readonly Tensor[];
}

/** A piece whose inner results were given up; walking back runs it again. */
export interface SegmentEntry {
  /** Every tensor that the piece reads and did not make. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: readonly Tensor[];
  /** Does the same work again; the results stand in for `outputs`, one by one. */
  rerun(): readonly Tensor[];
}

export type Tape = (TapeEntry | SegmentEntry)[];

let open: Tape | undefined;

export function recordOnTape(entry: TapeEntry | SegmentEntry): void {
  open?.push(entry);
}

/** Whether somebody will want derivatives of what runs now. */
export function tapeIsOpen(): boolean {
  return open !== undefined;
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
