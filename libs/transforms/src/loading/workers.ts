/**
 * Makers that run in workers of their own, Node's threads and browsers' Web Workers alike: `serveMaker` is the worker's side,
 * `loadInWorkers` the other. What is made depends on its index alone, so any number of workers gives the same.
 */
import { TransformError } from '../errors.ts';
import { prefetch, type PrefetchOptions } from './prefetch.ts';

/** The part of a `Worker` that is needed, of Node's or a browser's. */
export interface MakerWorker {
  postMessage(message: unknown): void;
  terminate(): unknown;
  on?(event: 'message' | 'error' | 'exit', listener: (value: never) => void): unknown;
  onmessage?: unknown;
  onerror?: unknown;
}

type ToWorker =
  { readonly type: 'start'; readonly settings: unknown } | { readonly type: 'make'; readonly index: number };
type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'made'; readonly index: number; readonly result: unknown }
  | { readonly type: 'failed'; readonly index: number | null; readonly error: ErrorRecord };

/** What is left of an error after it has passed between threads. */
interface ErrorRecord {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly stack?: string;
}

interface Port {
  postMessage(message: FromWorker, transfer: readonly ArrayBuffer[]): void;
  on?(event: 'message', listener: (message: ToWorker) => void): void;
  onmessage?: ((event: { data: ToWorker }) => void) | null;
}

/**
 * To be called once in a worker's module: `prepare` gets the settings of `loadInWorkers`, opens what is needed (a device, a data set) and
 * gives the maker. Typed arrays of a result that fill their buffer are handed over, not copied.
 */
export function serveMaker<S, T>(prepare: (settings: S) => Promise<(index: number) => Promise<T>>): void {
  const threads = (
    globalThis as { process?: { getBuiltinModule?(name: string): { parentPort: Port | null } } }
  ).process?.getBuiltinModule?.('node:worker_threads');
  const port: Port = threads?.parentPort ?? (globalThis as unknown as Port);
  let make: ((index: number) => Promise<T>) | undefined;
  const receive = async (message: ToWorker): Promise<void> => {
    const index = message.type === 'make' ? message.index : null;
    try {
      if (message.type === 'start') {
        make = await prepare(message.settings as S);
        port.postMessage({ type: 'ready' }, []);
        return;
      }
      const result = await make!(message.index);
      port.postMessage({ type: 'made', index: message.index, result }, buffersOf(result));
    } catch (error) {
      port.postMessage({ type: 'failed', index, error: recordOf(error) }, []);
    }
  };
  if (port.on) port.on('message', (message) => void receive(message));
  else port.onmessage = (event) => void receive(event.data);
}

/** Buffers that may change hands: those of typed arrays, anywhere in plain objects and lists, that fill them. */
function buffersOf(result: unknown, found = new Set<ArrayBuffer>()): ArrayBuffer[] {
  if (ArrayBuffer.isView(result)) {
    if (result.buffer instanceof ArrayBuffer && result.byteLength === result.buffer.byteLength)
      found.add(result.buffer);
  } else if (typeof result === 'object' && result !== null)
    for (const value of Object.values(result)) buffersOf(value, found);
  return [...found];
}

function recordOf(error: unknown): ErrorRecord {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message, stack, code, details } = error as Error & Pick<ErrorRecord, 'code' | 'details'>;
  return {
    name,
    message,
    ...(stack ? { stack } : {}),
    ...(code ? { code } : {}),
    ...(details ? { details: JSON.parse(JSON.stringify(details)) as Record<string, unknown> } : {}),
  };
}

function errorOf({ name, message, code, details, stack }: ErrorRecord): Error {
  const error = Object.assign(new Error(message), { name, code, details });
  if (stack) error.stack = stack;
  return error;
}

class WorkerMaker<T> {
  readonly #worker: MakerWorker;
  #waiting: { resolve(value: unknown): void; reject(error: Error): void } | undefined;
  #ended: Error | undefined;

  constructor(worker: MakerWorker) {
    this.#worker = worker;
    const lost = (cause: Error): void =>
      this.#end(new TransformError(`loadInWorkers: a worker ended: ${cause.message}`, {}, { cause }));
    if (worker.on) {
      worker.on('message', (message: FromWorker) => this.#receive(message));
      worker.on('error', lost);
      worker.on('exit', (code: number) => lost(new Error(`it exited with code ${code}.`)));
    } else {
      worker.onmessage = (event: { data: FromWorker }) => this.#receive(event.data);
      worker.onerror = (event: { message?: string }) => lost(new Error(event.message ?? 'it could not be started.'));
    }
  }

  start(settings: unknown): Promise<unknown> {
    return this.#ask({ type: 'start', settings });
  }

  make = (index: number): Promise<T> => this.#ask({ type: 'make', index }) as Promise<T>;

  async close(): Promise<void> {
    this.#end(new TransformError('loadInWorkers: stopped.', {}));
    await this.#worker.terminate();
  }

  #ask(message: ToWorker): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#worker.postMessage(message);
    });
  }

  #receive(message: FromWorker): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (message.type === 'failed') waiting?.reject(errorOf(message.error));
    else waiting?.resolve(message.type === 'made' ? message.result : undefined);
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#waiting?.reject(this.#ended);
    this.#waiting = undefined;
  }
}

export interface LoadOptions<T> extends Omit<PrefetchOptions<T>, 'cancel'> {
  /** How many workers. Where the network computes on all cores, more than one rarely pays. */
  readonly workers: number;
  /** Handed to `prepare` in each worker; it has to survive a structured clone. */
  readonly settings?: unknown;
}

/**
 * Yields what the workers make for 0 … count - 1, in order. `start` begins one: `() => new Worker(new URL('./patches.js',
 * import.meta.url), { type: 'module' })`. The workers end with the loop, however it ends; a worker that dies is an error of what it made.
 */
export async function* loadInWorkers<T>(
  count: number,
  start: () => MakerWorker,
  { workers, settings, ...options }: LoadOptions<T>,
): AsyncGenerator<T, void, undefined> {
  if (!(Number.isInteger(workers) && workers >= 1))
    throw new TransformError(`loadInWorkers: workers is a positive whole number, came ${workers}.`, { workers });
  const pool = Array.from({ length: workers }, () => new WorkerMaker<T>(start()));
  const close = (): Promise<unknown> => Promise.all(pool.map((worker) => worker.close()));
  try {
    await Promise.all(pool.map((worker) => worker.start(settings)));
    yield* prefetch(
      count,
      pool.map(({ make }) => make),
      { ...options, cancel: () => void close() },
    );
  } finally {
    await close();
  }
}
