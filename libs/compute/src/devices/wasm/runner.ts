/** Who executes programs: a pool of workers over the shared memory, or this thread alone. */
import { DeviceError } from '../../errors.ts';
import { Interpreter, type RunCommand } from './interpreter.ts';
import type { FromWorker, ToWorker } from './worker.ts';

export interface Runner {
  readonly threads: number;
  addModule(name: string, module: WebAssembly.Module): void;
  run(command: RunCommand): Promise<void>;
  dispose(): void;
}

interface WorkerLike {
  postMessage(message: ToWorker): void;
  terminate(): unknown;
  ref?(): void;
  unref?(): void;
}

/** Milliseconds of work on this thread before others get a turn. */
const SLICE_MS = 40;

export class InlineRunner implements Runner {
  readonly threads = 1;
  readonly #interpreter: Interpreter;
  /** Milliseconds per call of the last program, when profiling. */
  profile: Float64Array | undefined;
  profiling = false;

  constructor(module: WebAssembly.Module, memory: WebAssembly.Memory, control: number) {
    this.#interpreter = new Interpreter(module, memory, control);
  }

  addModule(name: string, module: WebAssembly.Module): void {
    this.#interpreter.addModule(name, module);
  }

  async run(command: RunCommand): Promise<void> {
    this.#interpreter.learn(command.newNames);
    const times = this.profiling ? new Float64Array(command.kernels.length) : undefined;
    const now = (): number => performance.now();
    let next = 0;
    while (next < command.kernels.length) {
      next = this.#interpreter.runSlice(command, next, now() + SLICE_MS, now, times);
      if (next < command.kernels.length) await turn();
    }
    this.profile = times;
  }

  dispose(): void {}
}

/** Lets the event loop run once. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

export class PoolRunner implements Runner {
  readonly threads: number;
  readonly #workers: WorkerLike[];
  #waiting: { left: number; resolve(): void; reject(error: Error): void } | undefined;
  #broken: Error | undefined;

  private constructor(workers: WorkerLike[]) {
    this.threads = workers.length;
    this.#workers = workers;
  }

  static async start(
    source: string,
    workerUrl: string | URL | undefined,
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    control: number,
    parts: number,
  ): Promise<PoolRunner> {
    const listeners: ((message: FromWorker) => void)[] = [];
    const failures: ((error: Error) => void)[] = [];
    const workers = Array.from({ length: parts }, (_, k) =>
      spawn(
        source,
        workerUrl,
        (message) => listeners[k]?.(message),
        (error) => failures[k]?.(error),
      ),
    );
    const runner = new PoolRunner(workers);
    const ready = new Promise<void>((resolve, reject) => {
      runner.#waiting = { left: parts, resolve, reject };
    });
    workers.forEach((worker, part) => {
      listeners[part] = (message) => runner.#receive(message);
      failures[part] = (error) => runner.#fail(error);
      worker.postMessage({ type: 'start', module, memory, control, part, parts });
    });
    await ready;
    for (const worker of workers) worker.unref?.();
    return runner;
  }

  addModule(name: string, module: WebAssembly.Module): void {
    for (const worker of this.#workers) worker.postMessage({ type: 'module', name, module });
  }

  async run(command: RunCommand): Promise<void> {
    if (this.#broken) throw this.#broken;
    for (const worker of this.#workers) worker.ref?.();
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiting = { left: this.threads, resolve, reject };
        for (const worker of this.#workers) worker.postMessage({ type: 'run', command });
      });
    } finally {
      for (const worker of this.#workers) worker.unref?.();
    }
  }

  dispose(): void {
    for (const worker of this.#workers) void worker.terminate();
    this.#broken ??= new DeviceError('wasm: used after it was disposed.');
  }

  #receive(message: FromWorker): void {
    if (message.type === 'failed') this.#fail(new Error(message.message));
    else if (this.#waiting && --this.#waiting.left === 0) this.#waiting.resolve();
  }

  /** The other threads wait at a barrier that will never open: end them all. */
  #fail(cause: Error): void {
    this.#broken = new DeviceError(
      `wasm: a worker failed (${cause.message.split('\n')[0]}); the device is lost, create a new one.`,
      {},
      { cause },
    );
    for (const worker of this.#workers) void worker.terminate();
    this.#waiting?.reject(this.#broken);
  }
}

function spawn(
  source: string,
  url: string | URL | undefined,
  onMessage: (message: FromWorker) => void,
  onError: (error: Error) => void,
): WorkerLike {
  const threads = (
    globalThis as { process?: { getBuiltinModule?(name: string): typeof import('node:worker_threads') } }
  ).process?.getBuiltinModule?.('node:worker_threads');
  if (threads) {
    const worker = new threads.Worker(source, { eval: true, stdin: false, execArgv: [], env: {} });
    worker.on('message', onMessage);
    worker.on('error', onError);
    return worker;
  }
  const worker = new Worker(url ?? URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
  worker.onmessage = (event: MessageEvent<FromWorker>) => onMessage(event.data);
  worker.onerror = (event) => onError(new Error(event.message));
  return worker;
}
