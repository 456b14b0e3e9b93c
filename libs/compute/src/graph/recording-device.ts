/**
 * A device that records operations and executes them together: when a tensor is read, or on `flush`. What was disposed
 * by then is a temporary, so a training step becomes one program with planned memory. Programs are cached by structure:
 * the next step with the same shapes reuses the program with other buffers. The backend (WASM, WebGPU) compiles and runs.
 */
import { DeviceError, UsageError } from '../errors.ts';
import type { AnyOp } from '../op/op.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { describe, type HostArray, type TensorSpec } from '../tensor/spec.ts';
import type { Device, DeviceKind, MemoryUse, Storage } from '../devices/device.ts';
import type { Graph, GraphNode, Slot } from './graph.ts';

/** What a backend must do. `B` is its buffer. */
export interface Backend<B, P> {
  readonly kind: DeviceKind;
  readonly name: string;
  supports(op: AnyOp): boolean;
  /** Puts host numbers into a new buffer. */
  upload(data: HostArray, spec: TensorSpec): B;
  layoutOf(buffer: B): string;
  /** What must be found out before a program is compiled for the first time, if anything. */
  prepare?(graph: Graph): Promise<void>;
  compile(graph: Graph): P;
  /**
   * Runs a program. `externals` holds a buffer per external slot, in slot order; returns a buffer per result slot, in slot
   * order. Runs are serialized by the caller.
   */
  execute(program: P, externals: readonly B[]): Promise<readonly B[]>;
  read(buffer: B, spec: TensorSpec): Promise<HostArray>;
  /** Waits until everything executed is done; absent where `execute` waits itself. */
  finish?(): Promise<void>;
  free(buffer: B): void;
  dropProgram(program: P): void;
  memory(): MemoryUse;
  dispose(): void;
}

class Recorded<B> {
  readonly spec: TensorSpec;
  buffer: B | undefined;
  /** Whether a tensor still holds this storage. */
  held = true;
  /** Whether a recorded operation that was not executed yet touches it. */
  pending = false;
  /** Set when the program that should have made it failed. */
  failure: unknown;
  constructor(spec: TensorSpec, buffer?: B) {
    this.spec = { shape: spec.shape, dtype: spec.dtype };
    this.buffer = buffer;
  }
}

interface RecordedNode<B> {
  readonly op: AnyOp;
  readonly inputs: Readonly<Record<string, Recorded<B> | undefined>>;
  readonly outputs: readonly Recorded<B>[];
  readonly options: unknown;
}

/** Programs kept for reuse; the least recently used goes first. */
const PROGRAM_LIMIT = 64;

export class RecordingDevice<B, P> implements Device {
  readonly kind: DeviceKind;
  readonly name: string;
  readonly backend: Backend<B, P>;
  #pending: RecordedNode<B>[] = [];
  /** Handed over to run, behind others, in order; what those others make may be read here. */
  readonly #queued: RecordedNode<B>[][] = [];
  readonly #programs = new Map<string, P>();
  #tail: Promise<void> = Promise.resolve();
  #running = 0;
  #garbage: B[] = [];
  #disposed = false;

  constructor(backend: Backend<B, P>) {
    this.kind = backend.kind;
    this.name = backend.name;
    this.backend = backend;
  }

  upload(data: HostArray, spec: TensorSpec): Storage {
    this.#assertAlive();
    return new Recorded<B>(spec, this.backend.upload(data, spec));
  }

  run(
    op: AnyOp,
    inputs: Readonly<Record<string, Tensor | undefined>>,
    options: unknown,
    outputs: readonly TensorSpec[],
  ): Storage[] {
    this.#assertAlive();
    if (!this.backend.supports(op))
      throw new DeviceError(
        `${op.name}: no kernel for ${this.kind}; register one with registerKernel(${op.name}, '${this.kind}', …), or compute on another device.`,
        {
          op: op.name,
          device: this.kind,
        },
      );
    const storages: Record<string, Recorded<B> | undefined> = {};
    for (const [name, input] of Object.entries(inputs)) {
      const storage = input?.storage as Recorded<B> | undefined;
      if (storage?.failure !== undefined)
        throw new DeviceError(
          `${op.name}: input ${name} was never computed.`,
          { op: op.name },
          { cause: storage.failure },
        );
      storages[name] = storage;
      if (storage) storage.pending = true;
    }
    const results = outputs.map((spec) => new Recorded<B>(spec));
    for (const result of results) result.pending = true;
    this.#pending.push({ op, inputs: storages, outputs: results, options });
    return results;
  }

  async read(storage: Storage, spec: TensorSpec): Promise<HostArray> {
    const recorded = storage as Recorded<B>;
    if (recorded.pending) await this.#submit();
    // What failed before is not this tensor's matter.
    else await this.#tail.catch(() => undefined);
    if (recorded.failure !== undefined) throw recorded.failure;
    if (recorded.buffer === undefined) throw new UsageError(`read: ${describe(spec)} has no value.`);
    // Held against a dispose while the copy is under way.
    this.#running++;
    try {
      return await this.backend.read(recorded.buffer, spec);
    } finally {
      this.#running--;
      this.#collect();
    }
  }

  release(storage: Storage): void {
    const recorded = storage as Recorded<B>;
    recorded.held = false;
    if (!recorded.pending && recorded.buffer !== undefined) this.#free(recorded);
  }

  async flush(): Promise<void> {
    this.#assertAlive();
    await this.#submit();
    await this.backend.finish?.();
  }

  #submit(): Promise<void> {
    if (this.#pending.length > 0) {
      const nodes = this.#pending;
      this.#pending = [];
      this.#queued.push(nodes);
      this.#running++;
      this.#tail = this.#tail
        .catch(() => undefined)
        .then(() => this.#execute(nodes))
        .finally(() => {
          this.#running--;
          this.#collect();
        });
      // A failure reaches whoever awaits a flush or a read; it must not also be an unhandled rejection.
      this.#tail.catch(() => undefined);
    }
    return this.#tail;
  }

  memory(): MemoryUse {
    return this.backend.memory();
  }

  dispose(): void {
    this.#disposed = true;
    this.#pending = [];
    this.backend.dispose();
  }

  async #execute(recorded: RecordedNode<B>[]): Promise<void> {
    this.#queued.shift();
    const later = new Set<Recorded<B>>();
    for (const node of this.#notYetRun()) for (const input of Object.values(node.inputs)) if (input) later.add(input);
    const nodes = withoutDead(recorded, later);
    const touched = new Set<Recorded<B>>();
    for (const node of recorded) {
      for (const input of Object.values(node.inputs)) if (input) touched.add(input);
      for (const output of node.outputs) touched.add(output);
    }
    try {
      const { graph, key, externals, results } = this.#number(nodes, later);
      let program = this.#programs.get(key);
      if (program === undefined) {
        await this.backend.prepare?.(graph);
        program = this.backend.compile(graph);
        if (this.#programs.size >= PROGRAM_LIMIT) {
          const [oldest, dropped] = this.#programs.entries().next().value!;
          this.#programs.delete(oldest);
          this.backend.dropProgram(dropped);
        }
      } else {
        this.#programs.delete(key);
      }
      this.#programs.set(key, program);
      const buffers = await this.backend.execute(program, externals);
      results.forEach((result, k) => (result.buffer = buffers[k]));
    } catch (error) {
      for (const node of nodes) for (const output of node.outputs) output.failure = error;
      throw error;
    } finally {
      const stillPending = new Set<Recorded<B>>();
      for (const node of this.#notYetRun()) {
        for (const input of Object.values(node.inputs)) if (input) stillPending.add(input);
        for (const output of node.outputs) stillPending.add(output);
      }
      for (const storage of touched) {
        if (stillPending.has(storage)) continue;
        storage.pending = false;
        if (!storage.held && storage.buffer !== undefined) this.#free(storage);
      }
    }
  }

  #notYetRun(): readonly RecordedNode<B>[] {
    return [...this.#queued.flat(), ...this.#pending];
  }

  /** Gives every storage a slot, and writes down the structure as a key. */
  #number(
    nodes: readonly RecordedNode<B>[],
    later: ReadonlySet<Recorded<B>>,
  ): { graph: Graph; key: string; externals: B[]; results: Recorded<B>[] } {
    const slots: Slot[] = [];
    const bySlot = new Map<Recorded<B>, Slot>();
    const externals: B[] = [];
    const results: Recorded<B>[] = [];
    const keys: string[] = [];
    const slotOf = (storage: Recorded<B>): Slot => {
      let slot = bySlot.get(storage);
      if (slot === undefined) {
        const external = storage.buffer !== undefined;
        const role = external ? 'external' : storage.held || later.has(storage) ? 'result' : 'temporary';
        const layout = external ? this.backend.layoutOf(storage.buffer!) : '';
        slot = { index: slots.length, role, layout, shape: storage.spec.shape, dtype: storage.spec.dtype };
        slots.push(slot);
        bySlot.set(storage, slot);
        if (external) externals.push(storage.buffer!);
        if (role === 'result') results.push(storage);
        keys.push(`${slot.index}${role[0]}${layout}${slot.dtype}${slot.shape.join('x')}`);
      }
      return slot;
    };
    const numbered: GraphNode[] = nodes.map((node) => {
      const inputs: Record<string, Slot | undefined> = {};
      let row = `${kernelIdentity(node.op.kernels[this.kind as 'wasm' | 'webgpu'] as object)}${JSON.stringify(node.options, exactly)}`;
      for (const [name, input] of Object.entries(node.inputs)) {
        inputs[name] = input && slotOf(input);
        row += `,${input ? inputs[name]!.index : '-'}`;
      }
      const outputs = node.outputs.map(slotOf);
      row += `>${outputs.map((slot) => slot.index).join()}`;
      keys.push(row);
      return { op: node.op, inputs, outputs, options: node.options };
    });
    return { graph: { nodes: numbered, slots }, key: keys.join(';'), externals, results };
  }

  #free(storage: Recorded<B>): void {
    const buffer = storage.buffer!;
    storage.buffer = undefined;
    if (this.#running > 0) this.#garbage.push(buffer);
    else if (!this.#disposed) this.backend.free(buffer);
  }

  #collect(): void {
    if (this.#running > 0 || this.#disposed) return;
    for (const buffer of this.#garbage) this.backend.free(buffer);
    this.#garbage = [];
  }

  #assertAlive(): void {
    if (this.#disposed) throw new DeviceError(`${this.name}: used after it was disposed.`);
  }
}

/** Drops nodes whose results nobody holds or uses, last first; nodes that write in place stay. */
function withoutDead<B>(nodes: readonly RecordedNode<B>[], later: ReadonlySet<Recorded<B>>): RecordedNode<B>[] {
  const used = new Set(later);
  const alive: RecordedNode<B>[] = [];
  for (let k = nodes.length - 1; k >= 0; k--) {
    const node = nodes[k]!;
    const writes = (node.op.mutates?.length ?? 0) > 0;
    if (!writes && !node.outputs.some((output) => output.held || used.has(output))) continue;
    for (const input of Object.values(node.inputs)) if (input) used.add(input);
    alive.push(node);
  }
  return alive.reverse();
}

/** JSON turns infinities and NaN into null: two programs that differ by them must not share a key. */
function exactly(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

const identities = new WeakMap<object, number>();
let nextIdentity = 0;

/** A number per kernel object: a kernel registered later for the same operation makes another program. */
function kernelIdentity(kernel: object): number {
  let identity = identities.get(kernel);
  if (identity === undefined) {
    identity = nextIdentity++;
    identities.set(kernel, identity);
  }
  return identity;
}
