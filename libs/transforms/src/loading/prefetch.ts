/** Making things ahead of time: several makers, results in order, bounded memory. */
import { TransformError } from '../errors.ts';

export interface PrefetchOptions<T> {
  /** How many results may be made or waiting at a time. Default: twice the makers. */
  readonly ahead?: number;
  /** Results waiting hold at most about this many bytes; at least one is always allowed. */
  readonly maxBytes?: number;
  /** Bytes of a result; needed with `maxBytes`. */
  readonly bytesOf?: (result: T) => number;
  /** What item `index` is about, a case for example: errors then say so. */
  readonly nameOf?: (index: number) => string;
  /** Called when the loop ends before its time: what is being made is no longer wanted. */
  readonly cancel?: () => void;
  readonly signal?: AbortSignal;
}

type Made<T> = { readonly value: T } | { readonly error: unknown };

/**
 * Yields make(0), make(1) … make(count - 1) in order, made ahead by `makers` (a worker thread each, or one function several
 * times). What comes out does not depend on how many makers there are, as long as make(i) depends on i alone.
 * Leaving the loop early stops making; an error of make(i) is thrown when i's turn comes, and aborting ends the wait at once.
 */
export async function* prefetch<T>(
  count: number,
  makers: readonly ((index: number) => Promise<T>)[],
  options: PrefetchOptions<T> = {},
): AsyncGenerator<T, void, undefined> {
  const { ahead = 2 * makers.length, maxBytes = Infinity, bytesOf, nameOf, cancel, signal } = options;
  if (makers.length === 0 || !(ahead >= 1))
    throw new TransformError(
      `prefetch: expects at least one maker and one place ahead, came ${makers.length} and ${ahead}.`,
      { makers: makers.length, ahead },
    );
  if (maxBytes !== Infinity && !bytesOf)
    throw new TransformError('prefetch: maxBytes needs bytesOf to know how large a result is.', { maxBytes });
  const waiting = new Map<number, Promise<Made<T>>>();
  const idle = [...makers];
  const sizes = new Map<number, number>();
  let started = 0;
  let next = 0;
  let stopped = false;
  const bytes = (): number => [...sizes.values()].reduce((a, b) => a + b, 0);
  const start = (): void => {
    while (
      !stopped &&
      idle.length > 0 &&
      started < count &&
      started - next < ahead &&
      (started === next || bytes() < maxBytes)
    ) {
      const index = started++;
      const maker = idle.pop()!;
      waiting.set(
        index,
        maker(index).then(
          (value) => {
            if (bytesOf) sizes.set(index, bytesOf(value));
            idle.push(maker);
            start();
            return { value };
          },
          (error: unknown) => {
            idle.push(maker);
            return { error };
          },
        ),
      );
    }
  };
  // One listener for all: a race with a promise that never settles would keep every result alive.
  let giveUp: ((reason: Error) => void) | undefined;
  const onAbort = (): void => giveUp?.(signal!.reason as Error);
  signal?.addEventListener('abort', onAbort);
  try {
    for (; next < count;) {
      signal?.throwIfAborted();
      start();
      const result = await new Promise<Made<T>>((resolve, reject) => {
        giveUp = reject;
        void waiting.get(next)!.then(resolve);
      });
      waiting.delete(next);
      sizes.delete(next);
      if ('error' in result) throw nameOf ? named(result.error, next, nameOf(next)) : result.error;
      next++;
      start();
      yield result.value;
    }
  } finally {
    stopped = true;
    signal?.removeEventListener('abort', onAbort);
    if (next < count) cancel?.();
    await Promise.all(waiting.values());
  }
}

function named(cause: unknown, index: number, name: string): TransformError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new TransformError(`${name}: ${message}`, { index, name }, { cause });
}
