/** A device that plans what the WASM device would run and counts the memory of it: nothing is computed, no number is held. */
import type { Graph } from '../../graph/graph.ts';
import { align } from '../../graph/arena.ts';
import { RecordingDevice, type Backend } from '../../graph/recording-device.ts';
import type { AnyOp } from '../../op/op.ts';
import { hostArray, type HostArray, type TensorSpec } from '../../tensor/spec.ts';
import type { Device, MemoryUse } from '../device.ts';
import { compile, type WasmProgram } from './compile.ts';
import { hardwareThreads, relaxedSimdAvailable, sharedMemoryAvailable } from './features.ts';
import { ALIGNMENT } from './heap.ts';
import type { Layout } from './kernel.ts';
import { storedBytes } from './layouts.ts';
import type { WasmOptions } from './wasm-device.ts';

interface PlannedBuffer {
  readonly bytes: number;
  readonly layout: Layout;
}

/** The accounts of the WASM device's heap: tensors, arguments of programs, one arena as large as the greatest program needs. */
class PlanningBackend implements Backend<PlannedBuffer, WasmProgram> {
  readonly kind = 'wasm';
  readonly name = 'wasm (planning)';
  readonly #settings: Parameters<typeof compile>[1];
  #used = 0;
  #peak = 0;
  #arena = 0;
  /** Programs whose transformed weights are counted. */
  readonly #keeping = new Set<WasmProgram>();

  constructor({ threads, deterministic = false, keptBytes = 0 }: PlanningOptions) {
    this.#settings = {
      threads: sharedMemoryAvailable() ? (threads ?? hardwareThreads()) : 1,
      build: !deterministic && relaxedSimdAvailable() ? 'relaxed' : 'simd',
      deterministic,
      constantBytes: keptBytes,
    };
  }

  supports(op: AnyOp): boolean {
    return op.kernels.wasm !== undefined;
  }

  upload(_data: HostArray, spec: TensorSpec): PlannedBuffer {
    return this.#take(storedBytes(spec, 'plain'), 'plain');
  }

  layoutOf({ layout }: PlannedBuffer): string {
    return layout;
  }

  compile(graph: Graph): WasmProgram {
    const program = compile(graph, this.#settings);
    this.#take(program.words.byteLength, 'plain');
    return program;
  }

  execute(program: WasmProgram): Promise<PlannedBuffer[]> {
    if (program.constants.bytes > 0 && !this.#keeping.has(program)) {
      this.#keeping.add(program);
      this.#take(program.constants.bytes, 'plain');
    }
    if (program.arenaBytes > this.#arena) {
      this.#used -= this.#arena;
      this.#arena = this.#take(program.arenaBytes, 'plain').bytes;
    }
    return Promise.resolve(program.results.map(({ bytes, layout }) => this.#take(bytes, layout)));
  }

  read(_buffer: PlannedBuffer, spec: TensorSpec): Promise<HostArray> {
    return Promise.resolve(hostArray(spec));
  }

  free({ bytes }: PlannedBuffer): void {
    this.#used -= bytes;
  }

  dropProgram(program: WasmProgram): void {
    this.#used -= sizeInHeap(program.words.byteLength);
    if (this.#keeping.delete(program)) this.#used -= sizeInHeap(program.constants.bytes);
  }

  memory(): MemoryUse {
    return { bytes: this.#used, peakBytes: this.#peak, limitBytes: Infinity };
  }

  dispose(): void {}

  #take(bytes: number, layout: Layout): PlannedBuffer {
    const buffer = { bytes: sizeInHeap(bytes), layout };
    this.#used += buffer.bytes;
    this.#peak = Math.max(this.#peak, this.#used);
    return buffer;
  }
}

function sizeInHeap(bytes: number): number {
  return align(Math.max(bytes, 1), ALIGNMENT);
}

export interface PlanningOptions extends Pick<WasmOptions, 'threads' | 'deterministic'> {
  /**
   * Room for the transformed weights that a prediction's program keeps; the device gives them a sixteenth of its memory's
   * limit. Default 0: what is needed, without what is nice to have.
   */
  readonly keptBytes?: number;
}

/**
 * Makes a device on which a training step or a prediction takes the time of planning alone: `memory().peakBytes` is then what
 * `createWasmDevice` with the same options needs for it. Its tensors read as zeros.
 */
export function createPlanningDevice(options: PlanningOptions = {}): Device {
  return new RecordingDevice(new PlanningBackend(options));
}
