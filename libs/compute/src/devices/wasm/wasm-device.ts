/** The WASM device: AssemblyScript SIMD kernels over one shared memory, run by a pool of threads as whole programs. */
import { DeviceError, OutOfMemoryError } from '../../errors.ts';
import { RecordingDevice, type Backend } from '../../graph/recording-device.ts';
import type { Graph, GraphNode, Slot } from '../../graph/graph.ts';
import type { AnyOp } from '../../op/op.ts';
import type { HostArray, TensorSpec } from '../../tensor/spec.ts';
import { bytesPerElement, sizeOf } from '../../tensor/spec.ts';
import type { Device, MemoryUse } from '../device.ts';
import { compile, type WasmProgram } from './compile.ts';
import { hardwareThreads, relaxedSimdAvailable, sharedMemoryAvailable } from './features.ts';
import { Heap } from './heap.ts';
import { kernelName } from './interpreter.ts';
import { fingerprint, tune, tuned, type AutotuneTable, type Trial, type TuningMachine } from '../autotune.ts';
import type { Layout, WasmKernel } from './kernel.ts';
import { storedBytes, unblock } from './layouts.ts';
import { InlineRunner, PoolRunner, type Runner } from './runner.ts';
import relaxedBase64 from '../../generated/kernels.relaxed.ts';
import simdBase64 from '../../generated/kernels.simd.ts';
import workerSource from '../../generated/worker.ts';

export interface WasmOptions {
  /** Default: all cores where memory can be shared, else one. One thread runs on the calling thread, in short turns. */
  readonly threads?: number;
  /** Multiply and add rounded separately and a fixed order of sums: the same bits on every machine. Default false. */
  readonly deterministic?: boolean;
  /** The memory never grows past this. Default: 4 GiB, the most a WASM memory can hold. */
  readonly maxBytes?: number;
  /** For pages whose policy forbids blob: workers: where `worker.js` of this package is served. */
  readonly workerUrl?: string | URL;
  /**
   * A table (empty, or saved before) switches on timing: what has several algorithms is timed before a program runs for the
   * first time, at most a second per program, and the table grows. Results then differ in the last bits as the clock decides.
   * Default false: algorithms are chosen by estimated cost.
   */
  readonly autotune?: AutotuneTable | false;
  /** Keeps milliseconds per operation of each program; needs `threads: 1`. */
  readonly profile?: boolean;
}

export interface WasmDevice extends Device {
  readonly threads: number;
  readonly build: 'simd' | 'relaxed';
  /** Milliseconds per operation since the device was made, when profiling. */
  readonly profile: ReadonlyMap<string, number>;
}

const PAGE = 65536;
const MAX_PAGES = 65536;
/** Below lie static data of the kernels and the barrier's words. */
const HEAP_START = PAGE;
const CONTROL = PAGE - 64;

/** Of the memory limit, what programs may spend on what they keep of weights, each. */
const CONSTANT_SHARE = 1 / 16;

interface WasmBuffer {
  readonly address: number;
  readonly layout: Layout;
}

/** Kernels and their argument addresses, one of each per call. */
interface CallList {
  readonly calls: WasmProgram['calls'];
  readonly kernels: Int32Array;
  readonly args: Uint32Array;
}

interface LoadedProgram {
  readonly graph: Graph;
  readonly program: WasmProgram;
  readonly address: number;
  readonly whole: CallList;
  /** Without the calls that make constants. */
  readonly rest: CallList;
  /** Room for constants, and the buffers that they were made of: none before a run has made them. */
  kept: { readonly address: number; sources: readonly WasmBuffer[] } | undefined;
}

class WasmBackend implements Backend<WasmBuffer, LoadedProgram> {
  readonly kind = 'wasm';
  readonly name: string;
  readonly build: 'simd' | 'relaxed';
  readonly deterministic: boolean;
  readonly runner: Runner;
  readonly profile = new Map<string, number>();
  readonly #memory: WebAssembly.Memory;
  readonly #heap: Heap;
  readonly #names = new Map<string, number>();
  /** Names the threads have not heard of yet: they go with the next program that runs, whichever it is. */
  #unheard: string[] = [];
  /** Kernels per module; '' is our own. */
  readonly #exports = new Map<string, ReadonlySet<string>>();
  readonly #autotune: { readonly table: AutotuneTable; readonly machine: TuningMachine } | undefined;
  #arena = { address: 0, bytes: 0 };
  /** The program that runs or is about to: arena and constants are in use. */
  #executing: LoadedProgram | undefined;
  /** Programs that keep constants. */
  readonly #keeping = new Set<LoadedProgram>();

  constructor(
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    runner: Runner,
    build: 'simd' | 'relaxed',
    options: WasmOptions,
  ) {
    this.#exports.set('', exportsOf(module));
    this.#memory = memory;
    this.runner = runner;
    this.build = build;
    this.deterministic = options.deterministic ?? false;
    this.#heap = new Heap(memory, HEAP_START, Math.min(options.maxBytes ?? Infinity, MAX_PAGES * PAGE));
    if (options.autotune)
      this.#autotune = {
        table: options.autotune,
        machine: {
          kind: 'wasm',
          name: `${fingerprint(build === 'relaxed' ? relaxedBase64 : simdBase64)}/${build}/${runner.threads}`,
          now: () => performance.now(),
          trial: (node, nodeOptions) => this.#trial(node, nodeOptions),
        },
      };
    this.name = `wasm (${build === 'relaxed' ? 'relaxed SIMD' : 'SIMD'}, ${runner.threads} thread${runner.threads === 1 ? '' : 's'})`;
  }

  async prepare(graph: Graph): Promise<void> {
    if (this.#autotune === undefined) return;
    try {
      await tune(graph, this.#autotune.table, this.#autotune.machine);
    } catch (error) {
      // No room to try: the estimate stands.
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
    // The trials may have needed more than the program will.
    this.#dropArena();
  }

  /** A program of one node, whose inputs come in the layouts that it wants. */
  #trial(node: GraphNode, options: unknown): Trial {
    const kernel = node.op.kernels.wasm as WasmKernel;
    const came = Object.fromEntries(
      Object.entries(node.inputs).map(([name, slot], id) => [name, slot && { ...slot, layout: 'plain' as const, id }]),
    );
    const wanted = kernel.layouts?.({ inputs: came, outputs: node.outputs, options });
    const slots: Slot[] = [];
    const inputs: Record<string, Slot | undefined> = {};
    const externals: WasmBuffer[] = [];
    const dispose = (): void => {
      for (const buffer of externals) this.free(buffer);
    };
    try {
      for (const [name, slot] of Object.entries(node.inputs)) {
        if (slot === undefined) continue;
        const layout = wanted?.inputs[name] ?? 'plain';
        const bytes = storedBytes(slot, layout);
        const address = this.#heap.allocate(bytes, `timing ${node.op.name}`);
        externals.push({ address, layout });
        if (slot.dtype === 'f32') new Float32Array(this.#memory.buffer, address, bytes / 4).fill(0.5);
        else new Uint8Array(this.#memory.buffer, address, bytes).fill(0);
        inputs[name] = { ...slot, index: slots.length, role: 'external', layout };
        slots.push(inputs[name]);
      }
      const outputs = node.outputs.map((slot, k): Slot => ({
        ...slot,
        index: slots.length + k,
        role: 'result',
        layout: '',
      }));
      // Without constants: what a variant makes of the weights counts, since in training it does so every step.
      const loaded = this.#load(
        { nodes: [{ op: node.op, inputs, outputs, options }], slots: [...slots, ...outputs] },
        0,
      );
      return {
        run: async () => {
          for (const result of await this.execute(loaded, externals)) this.free(result);
        },
        dispose: () => {
          this.dropProgram(loaded);
          dispose();
        },
      };
    } catch (error) {
      dispose();
      throw error;
    }
  }

  supports(op: AnyOp): boolean {
    return op.kernels.wasm !== undefined;
  }

  upload(data: HostArray, spec: TensorSpec): WasmBuffer {
    const bytes = sizeOf(spec.shape) * bytesPerElement(spec.dtype);
    this.#makeRoom(bytes);
    const address = this.#allocate(bytes, `a tensor [${spec.shape.join(', ')}]`);
    new Uint8Array(this.#memory.buffer, address, bytes).set(new Uint8Array(data.buffer, data.byteOffset, bytes));
    return { address, layout: 'plain' };
  }

  /** An idle arena goes before the memory grows for something larger: where it stood joins the free room beside it. */
  #makeRoom(bytes: number): void {
    if (this.#executing || this.#arena.bytes === 0 || bytes < this.#arena.bytes || this.#heap.fits(bytes)) return;
    this.#dropArena();
  }

  #dropArena(): void {
    if (this.#arena.bytes > 0) this.#heap.free(this.#arena.address);
    this.#arena = { address: 0, bytes: 0 };
  }

  /** Where there is no room, what is kept only for speed goes first: transformed weights of other programs, then an idle arena. */
  #allocate(bytes: number, purpose: string): number {
    for (;;)
      try {
        return this.#heap.allocate(bytes, purpose);
      } catch (error) {
        const idle = [...this.#keeping].find((loaded) => loaded !== this.#executing);
        if (!(error instanceof OutOfMemoryError)) throw error;
        if (idle) this.#dropConstants(idle);
        else if (this.#executing === undefined && this.#arena.bytes > 0) this.#dropArena();
        else throw error;
      }
  }

  layoutOf(buffer: WasmBuffer): string {
    return buffer.layout;
  }

  compile(graph: Graph): LoadedProgram {
    return this.#load(
      this.#autotune ? tuned(graph, this.#autotune.table, this.#autotune.machine) : graph,
      this.#heap.limitBytes * CONSTANT_SHARE,
    );
  }

  #load(graph: Graph, constantBytes: number): LoadedProgram {
    const program = compile(graph, {
      threads: this.runner.threads,
      build: this.build,
      deterministic: this.deterministic,
      constantBytes,
    });
    for (const call of program.calls) this.#prepareKernel(call);
    const address = this.#allocate(program.words.byteLength, 'the arguments of a program');
    const list = (calls: WasmProgram['calls']): CallList => ({
      calls,
      kernels: Int32Array.from(calls, (call) => this.#kernelIndex(kernelName(call.kernel, call.module))),
      args: Uint32Array.from(calls, (call) => address + call.argumentWord * 4),
    });
    const rest = program.calls.filter((call) => !call.makesConstant);
    return { graph, program, address, whole: list(program.calls), rest: list(rest), kept: undefined };
  }

  #kernelIndex(name: string): number {
    let index = this.#names.get(name);
    if (index === undefined) {
      index = this.#names.size;
      this.#names.set(name, index);
      this.#unheard.push(name);
    }
    return index;
  }

  /**
   * Brings the kernel's module to the threads and checks that the kernel is there: before any thread runs, since one that
   * misses a kernel would leave the others at the barrier.
   */
  #prepareKernel({ kernel, module, label }: WasmProgram['calls'][number]): void {
    const name = module?.name ?? '';
    if (module !== undefined && !this.#exports.has(name)) {
      const compiled = new WebAssembly.Module(module.bytes);
      this.#exports.set(name, exportsOf(compiled));
      this.runner.addModule(name, compiled);
    }
    if (!this.#exports.get(name)!.has(kernel))
      throw new DeviceError(
        `${label}: its lowering calls kernel ${kernel}, which ${module ? `module ${name}` : 'the kernel build'} does not export.`,
        { op: label, kernel },
      );
  }

  async execute(loaded: LoadedProgram, externals: readonly WasmBuffer[]): Promise<WasmBuffer[]> {
    this.#executing = loaded;
    try {
      for (const index of loaded.program.written) this.#forget(externals[index]!);
      let results: WasmBuffer[];
      try {
        results = this.#place(loaded);
      } catch (error) {
        // Keeping transformed weights saves time, not more: without them there may be room.
        if (!(error instanceof OutOfMemoryError) || loaded.program.constants.bytes === 0) throw error;
        this.#compileWithoutConstants(loaded);
        results = this.#place(loaded);
      }
      const there = this.#hasConstants(loaded, externals);
      const list = there ? loaded.rest : loaded.whole;
      this.#patch(loaded, externals, results);
      const newNames = this.#unheard;
      this.#unheard = [];
      await this.runner.run({ kernels: list.kernels, args: list.args, newNames });
      if (!there) loaded.kept!.sources = loaded.program.constants.sources.map((index) => externals[index]!);
      this.#keepTimes(list);
      return results;
    } finally {
      this.#executing = undefined;
    }
  }

  /** Room for everything that a run needs; its results. Throws: OutOfMemoryError, and has taken nothing but an arena then. */
  #place(loaded: LoadedProgram): WasmBuffer[] {
    const { program } = loaded;
    const results: WasmBuffer[] = [];
    try {
      if (program.constants.bytes > 0) {
        loaded.kept ??= { address: this.#allocate(program.constants.bytes, 'transformed weights'), sources: [] };
        this.#keeping.add(loaded);
      }
      if (program.arenaBytes > this.#arena.bytes) {
        this.#dropArena();
        this.#arena = {
          address: this.#allocate(program.arenaBytes, `temporaries of ${program.calls.length} kernel calls`),
          bytes: program.arenaBytes,
        };
      }
      for (const { bytes, layout, slot } of program.results)
        results.push({ address: this.#allocate(bytes, `a result [${slot.shape.join(', ')}]`), layout });
      return results;
    } catch (error) {
      for (const result of results) this.free(result);
      if (!(error instanceof OutOfMemoryError) || this.#arena.bytes <= program.arenaBytes) throw error;
      // An arena that a larger program left may hold the room that is missing.
      this.#dropArena();
      return this.#place(loaded);
    }
  }

  #compileWithoutConstants(loaded: LoadedProgram): void {
    this.dropProgram(loaded);
    Object.assign(loaded, this.#load(loaded.graph, 0));
  }

  /** Writes the addresses of this run's buffers into the program's arguments. */
  #patch(
    { program, address, kept }: LoadedProgram,
    externals: readonly WasmBuffer[],
    results: readonly WasmBuffer[],
  ): void {
    const words = new Int32Array(this.#memory.buffer, address, program.words.length);
    words.set(program.words);
    for (const patch of program.patches) {
      const base =
        patch.base === 'external'
          ? externals[patch.index]!.address
          : patch.base === 'result'
            ? results[patch.index]!.address
            : patch.base === 'arena'
              ? this.#arena.address
              : patch.base === 'constants'
                ? kept!.address
                : address;
      words[patch.word] = (base + patch.byteOffset) | 0;
    }
  }

  /** Whether what a program keeps of weights is there, made of the same buffers. */
  #hasConstants({ program, kept }: LoadedProgram, externals: readonly WasmBuffer[]): boolean {
    const { bytes, sources } = program.constants;
    if (bytes === 0) return true;
    return kept!.sources.length > 0 && sources.every((index, k) => kept!.sources[k] === externals[index]);
  }

  /** Drops the constants of all programs that were made of a buffer. */
  #forget(buffer: WasmBuffer): void {
    for (const loaded of this.#keeping) if (loaded.kept!.sources.includes(buffer)) this.#dropConstants(loaded);
  }

  #dropConstants(loaded: LoadedProgram): void {
    if (!this.#keeping.delete(loaded)) return;
    this.#heap.free(loaded.kept!.address);
    loaded.kept = undefined;
  }

  read(buffer: WasmBuffer, spec: TensorSpec): Promise<HostArray> {
    const size = sizeOf(spec.shape);
    if (buffer.layout === 'blocked') {
      const [n, c, ...space] = spec.shape as [number, number, ...number[]];
      return Promise.resolve(
        unblock(new Float32Array(this.#memory.buffer, buffer.address, n * Math.ceil(c / 8) * 8 * sizeOf(space)), spec),
      );
    }
    // Copied element by element: the source is shared memory, the result must not be.
    const from =
      spec.dtype === 'i32'
        ? new Int32Array(this.#memory.buffer, buffer.address, size)
        : spec.dtype === 'u8'
          ? new Uint8Array(this.#memory.buffer, buffer.address, size)
          : new Float32Array(this.#memory.buffer, buffer.address, size);
    const Host = from.constructor as new (source: HostArray) => HostArray;
    return Promise.resolve(new Host(from));
  }

  free(buffer: WasmBuffer): void {
    this.#forget(buffer);
    this.#heap.free(buffer.address);
  }

  dropProgram(loaded: LoadedProgram): void {
    this.#dropConstants(loaded);
    this.#heap.free(loaded.address);
  }

  memory(): MemoryUse {
    return { bytes: this.#heap.usedBytes, peakBytes: this.#heap.peakBytes, limitBytes: this.#heap.limitBytes };
  }

  dispose(): void {
    this.runner.dispose();
  }

  #keepTimes({ calls }: CallList): void {
    if (!(this.runner instanceof InlineRunner) || this.runner.profile === undefined) return;
    this.runner.profile.forEach((milliseconds, k) => {
      const call = calls[k]!;
      const key = `${call.label}/${call.kernel}`;
      this.profile.set(key, (this.profile.get(key) ?? 0) + milliseconds);
    });
  }
}

/**
 * Makes a WASM device. Threads need shared memory (Node, or a cross-origin isolated page); where that is missing one thread
 * is used and the device's name says so.
 *
 * Throws: DeviceError if `threads` is not a positive whole number, or `autotune` comes with `deterministic`.
 */
export async function createWasmDevice(options: WasmOptions = {}): Promise<WasmDevice> {
  const wanted = options.threads ?? hardwareThreads();
  if (!Number.isInteger(wanted) || wanted < 1)
    throw new DeviceError(`createWasmDevice: threads is a positive whole number, came ${wanted}.`, { threads: wanted });
  if (options.autotune && options.deterministic)
    throw new DeviceError(
      'createWasmDevice: deterministic algorithms are never chosen by the clock; leave out autotune, or deterministic.',
      { deterministic: true },
    );
  const relaxed = !options.deterministic && relaxedSimdAvailable();
  const module = await WebAssembly.compile(decode(relaxed ? relaxedBase64 : simdBase64));
  const memory = new WebAssembly.Memory({ initial: 16, maximum: MAX_PAGES, shared: true });
  const threads = sharedMemoryAvailable() ? wanted : 1;
  let runner: Runner;
  if (threads > 1) runner = await PoolRunner.start(workerSource, options.workerUrl, module, memory, CONTROL, threads);
  else {
    const inline = new InlineRunner(module, memory, CONTROL);
    inline.profiling = options.profile ?? false;
    runner = inline;
  }
  const backend = new WasmBackend(module, memory, runner, relaxed ? 'relaxed' : 'simd', options);
  return Object.assign(new RecordingDevice(backend), { threads, build: backend.build, profile: backend.profile });
}

function exportsOf(module: WebAssembly.Module): ReadonlySet<string> {
  return new Set(WebAssembly.Module.exports(module).map((entry) => entry.name));
}

function decode(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
  return bytes;
}
