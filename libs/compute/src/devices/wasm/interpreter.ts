/** Runs a program on one thread: calls each kernel with this thread's part, with a barrier in between. */
import type { WasmKernelModule } from './kernel.ts';

type Kernel = (args: number, part: number, parts: number) => void;

export interface RunCommand {
  /** Kernel per call, as an index into the names known so far. */
  readonly kernels: Int32Array;
  /** Address of each call's arguments. */
  readonly args: Uint32Array;
  /** Names that come new with this command: `kernel` or `module:kernel`. */
  readonly newNames: readonly string[];
}

export class Interpreter {
  readonly #memory: WebAssembly.Memory;
  readonly #instances = new Map<string, WebAssembly.Instance>();
  readonly #kernels: Kernel[] = [];
  readonly #barrier: (control: number, parts: number) => void;
  readonly #control: number;

  constructor(module: WebAssembly.Module, memory: WebAssembly.Memory, control: number) {
    this.#memory = memory;
    this.#control = control;
    this.addModule('', module);
    this.#barrier = this.#instances.get('')!.exports['barrier'] as (control: number, parts: number) => void;
  }

  addModule(name: string, module: WebAssembly.Module): void {
    this.#instances.set(
      name,
      new WebAssembly.Instance(module, {
        env: {
          memory: this.#memory,
          abort: () => {
            throw new Error('kernel aborted');
          },
        },
      }),
    );
  }

  learn(names: readonly string[]): void {
    for (const name of names) {
      const colon = name.indexOf(':');
      const [module, kernel] = colon < 0 ? ['', name] : [name.slice(0, colon), name.slice(colon + 1)];
      const found = this.#instances.get(module)?.exports[kernel];
      if (typeof found !== 'function') throw new Error(`no kernel named ${name} in the WebAssembly module`);
      this.#kernels.push(found as Kernel);
    }
  }

  /** All threads call this with the same command. */
  run(command: RunCommand, part: number, parts: number): void {
    const { kernels, args } = command;
    for (let k = 0; k < kernels.length; k++) {
      this.#kernels[kernels[k]!]!(args[k]!, part, parts);
      this.#barrier(this.#control, parts);
    }
  }

  /** One thread alone, a slice of the calls; `times`, if given, adds up milliseconds per call. */
  runSlice(command: RunCommand, from: number, untilMs: number, now: () => number, times?: Float64Array): number {
    const { kernels, args } = command;
    let k = from;
    while (k < kernels.length) {
      const begun = now();
      this.#kernels[kernels[k]!]!(args[k]!, 0, 1);
      const ended = now();
      if (times !== undefined) times[k]! += ended - begun;
      k++;
      if (ended > untilMs) break;
    }
    return k;
  }
}

export function kernelName(kernel: string, module: WasmKernelModule | undefined): string {
  return module === undefined ? kernel : `${module.name}:${kernel}`;
}
