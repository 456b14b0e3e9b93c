/** What the WebGPU device does with a program: one command buffer, with cached pipelines, bind groups and memory. */
import { DeviceError, OutOfMemoryError } from '../../errors.ts';
import { tune, tuned, type AutotuneTable, type Trial, type TuningMachine } from '../autotune.ts';
import type { Backend } from '../../graph/recording-device.ts';
import { aloneWith, type Graph, type GraphNode, type Slot } from '../../graph/graph.ts';
import type { AnyOp } from '../../op/op.ts';
import { describe, hostArray, type HostArray, type TensorSpec } from '../../tensor/spec.ts';
import type { MemoryUse } from '../device.ts';
import { BufferPool, BufferUsage, MAP_READ, type PooledBuffer } from './buffer-pool.ts';
import { assertStorable, compile, HALF_LAYOUT, mayBeHalf, type CompiledGraph } from './compile.ts';
import { gpuBytes, gpuType, type GpuType } from './kernel.ts';
import { cappedLimits } from './limits.ts';
import { PipelineCache, type Pipeline } from './pipelines.ts';
import { bindingBytes, segmentsOf } from './segments.ts';
import { StepTimes } from './step-times.ts';
import { decode, encode } from './storage.ts';
import { SUBGROUP_ID, SUBGROUPS_OF_8 } from './workgroup-sum.ts';
import { MATRIX_FEATURE, matricesOf, type MatrixShape } from './tensor-cores.ts';
import type { WebGpuOptions } from './options.ts';

/** Programs handed to the GPU and not finished; beyond it the recorder waits, so that memory does not pile up. */
const IN_FLIGHT = 3;
/** Bind groups kept per dispatch: results alternate between a few buffers. */
const GROUPS_KEPT = 8;
/** Counted up when kernels with variants change, so that old timings do nothing. */
const TUNED_KERNELS = 1;

interface GpuTensorBuffer {
  /** One per segment. */
  readonly segments: readonly PooledBuffer[];
  /** Whether an f32 tensor is stored as f16. */
  readonly half: boolean;
}

interface LoadedStep {
  readonly groups: Map<string, GPUBindGroup>;
  pipeline: Pipeline | undefined;
}

interface LoadedProgram {
  readonly graph: CompiledGraph;
  readonly steps: LoadedStep[];
  readonly uniforms: GPUBuffer | undefined;
  readonly tables: PooledBuffer | undefined;
  ready: Promise<void> | undefined;
}

export class WebGpuBackend implements Backend<GpuTensorBuffer, LoadedProgram> {
  readonly kind = 'webgpu';
  readonly name: string;
  readonly gpu: GPUDevice;
  /** The device's, and what its WGSL knows that kernels ask for. */
  readonly features: ReadonlySet<string>;
  readonly limits: GPUSupportedLimits;
  readonly half: boolean;
  readonly matrices: MatrixShape | undefined;
  readonly pipelines: PipelineCache;
  readonly times: StepTimes | undefined;
  readonly lost: Promise<DeviceError>;
  readonly #pool: BufferPool;
  readonly #staging: BufferPool;
  /** Shared by all programs, greatest first: programs do not overlap on one queue. */
  #objects: PooledBuffer[] = [];
  readonly #inFlight: Promise<unknown>[] = [];
  #failure: DeviceError | OutOfMemoryError | undefined;
  #disposed = false;
  readonly #autotune: { readonly table: AutotuneTable; readonly machine: TuningMachine } | undefined;

  constructor(gpu: GPUDevice, info: GPUAdapterInfo, options: WebGpuOptions, language: ReadonlySet<string>) {
    this.gpu = gpu;
    const hasNumbers = language.has(SUBGROUP_ID);
    const hasEight = hasNumbers && gpu.features.has('subgroups') && info.subgroupMinSize >= 8;
    this.features = new Set([
      ...gpu.features,
      ...(hasNumbers ? [SUBGROUP_ID] : []),
      ...(hasEight ? [SUBGROUPS_OF_8] : []),
    ]);
    this.limits = cappedLimits(gpu.limits, options.limits);
    this.half = options.halfActivations ?? false;
    if (this.half && !gpu.features.has('shader-f16'))
      throw new DeviceError(
        "createWebGpuDevice: halfActivations needs the adapter's shader-f16 feature, which is missing here.",
        { feature: 'shader-f16' },
      );
    if (options.tensorCores && this.half) this.matrices = matricesOf(gpu.features, info);
    if (options.tensorCores && this.matrices === undefined)
      throw new DeviceError(
        'createWebGpuDevice: tensorCores needs halfActivations and an adapter with square subgroup matrices of 8 or 16, f16 into f32, in subgroups of one size.',
        { feature: MATRIX_FEATURE },
      );
    this.name = `webgpu (${[info.vendor, info.architecture || info.description].filter(Boolean).join(' ') || 'unnamed adapter'}${gpu.features.has('shader-f16') ? `, f16${this.half ? ' activations' : ''}` : ''})`;
    if (options.autotune !== undefined)
      this.#autotune = {
        table: options.autotune,
        machine: {
          kind: 'webgpu',
          name: `${this.name}/${info.device}/${TUNED_KERNELS}`,
          now: () => performance.now(),
          trial: (node, nodeOptions) => this.#trial(node, nodeOptions),
        },
      };
    this.pipelines = new PipelineCache(gpu);
    this.times = options.profile && gpu.features.has('timestamp-query') ? new StepTimes(gpu) : undefined;
    this.#pool = new BufferPool(
      gpu,
      BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyTarget,
      options.maxBytes ?? Infinity,
    );
    this.#staging = new BufferPool(gpu, BufferUsage.mapRead | BufferUsage.copyTarget, Infinity);
    this.lost = gpu.lost.then(({ reason, message }) => {
      const lost = new DeviceError(
        `${this.name}: the GPU device was lost (${reason || 'unknown'}${message ? `: ${message}` : ''}). Make a new one with createWebGpuDevice and upload again.`,
        { lost: true, reason, device: this.name },
      );
      this.#failure = lost;
      return lost;
    });
    gpu.onuncapturederror = ({ error }) => {
      const text = `${this.name}: ${error.message}`;
      this.#failure ??= isOutOfMemory(error)
        ? new OutOfMemoryError(text, { usedBytes: this.#pool.bytes })
        : new DeviceError(text, { device: this.name });
    };
  }

  supports(op: AnyOp): boolean {
    return op.kernels.webgpu !== undefined;
  }

  upload(data: HostArray, spec: TensorSpec): GpuTensorBuffer {
    this.#assertWell();
    assertStorable(spec, { features: this.features });
    const segments: PooledBuffer[] = [];
    this.#takeAll(
      this.#segmentsOf(spec).map(({ bytes }) => bytes),
      describe(spec),
      segments,
    );
    this.#segmentsOf(spec).forEach(({ first, shape }, k) =>
      this.gpu.queue.writeBuffer(
        segments[k]!.buffer,
        0,
        encode(data.subarray(first, first + shape[0]!), { shape, dtype: spec.dtype }),
      ),
    );
    return { segments, half: false };
  }

  async prepare(graph: Graph): Promise<void> {
    if (this.#autotune === undefined) return;
    try {
      await tune(graph, this.#autotune.table, this.#autotune.machine);
    } catch (error) {
      // No room to try: the shipped choice stands.
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
  }

  /** One node alone on buffers of its own, with what they happen to hold. */
  async #trial(node: GraphNode, options: unknown): Promise<Trial> {
    const layoutOf = (slot: Slot): string =>
      slot.role === 'external' ? slot.layout : this.half && mayBeHalf(slot) ? HALF_LAYOUT : '';
    const graph = aloneWith(node, options, layoutOf);
    const program = this.#load(graph);
    const buffers: GpuTensorBuffer[] = [];
    const dispose = (): void => {
      for (const buffer of buffers) this.free(buffer);
      this.dropProgram(program);
    };
    try {
      for (const slot of graph.slots) {
        if (slot.role !== 'external') continue;
        const half = slot.layout === HALF_LAYOUT;
        const segments: PooledBuffer[] = [];
        const wanted = this.#segmentsOf(slot, half ? 'f16' : gpuType(slot.dtype));
        this.#takeAll(
          wanted.map(({ bytes }) => bytes),
          describe(slot),
          segments,
        );
        buffers.push({ segments, half });
      }
      const run = async (): Promise<void> => {
        for (const result of await this.execute(program, buffers)) this.free(result);
        await this.#orLost(this.gpu.queue.onSubmittedWorkDone());
      };
      // Pipelines are made in the first run.
      await run();
      return { run, dispose };
    } catch (error) {
      dispose();
      throw error;
    }
  }

  layoutOf(buffer: GpuTensorBuffer): string {
    return buffer.half ? HALF_LAYOUT : '';
  }

  compile(graph: Graph): LoadedProgram {
    return this.#load(this.#autotune ? tuned(graph, this.#autotune.table, this.#autotune.machine) : graph);
  }

  #load(graph: Graph): LoadedProgram {
    this.#assertWell();
    const compiled = compile(graph, {
      features: this.features,
      limits: this.limits,
      half: this.half,
      matrices: this.matrices,
    });
    const uniforms = this.#filled(compiled.uniforms, BufferUsage.uniform);
    const tables = this.#filled(compiled.tables, BufferUsage.storage);
    const steps = compiled.steps.map((): LoadedStep => ({ groups: new Map(), pipeline: undefined }));
    const ready = Promise.all(
      compiled.steps.map((step, k) =>
        this.pipelines.get(step.dispatch, step.label).then((pipeline) => void (steps[k]!.pipeline = pipeline)),
      ),
    ).then(() => undefined);
    ready.catch(() => undefined);
    return {
      graph: compiled,
      steps,
      uniforms,
      tables: tables && { buffer: tables, id: -1, bytes: tables.size },
      ready,
    };
  }

  async execute(program: LoadedProgram, externals: readonly GpuTensorBuffer[]): Promise<GpuTensorBuffer[]> {
    await this.#orLost(program.ready);
    while (this.#inFlight.length >= IN_FLIGHT) await this.#orLost(this.#inFlight.shift()!);
    this.#assertWell();
    const { graph } = program;
    this.#growObjects(graph.objects);
    const made: PooledBuffer[] = [];
    this.#takeAll(
      graph.results.flatMap(({ bytes }) => bytes),
      'a result',
      made,
    );
    let taken = 0;
    const results = graph.results.map(({ bytes, half }): GpuTensorBuffer => ({
      segments: made.slice(taken, (taken += bytes.length)),
      half,
    }));
    this.gpu.queue.submit([
      this.#encode(program, {
        external: externals.flatMap(({ segments }) => segments),
        result: made,
        object: this.#objects,
        tables: program.tables ? [program.tables] : [],
      }),
    ]);
    this.#inFlight.push(this.gpu.queue.onSubmittedWorkDone());
    if (this.times !== undefined) await this.times.collect(graph.steps.map((step) => step.label));
    return results;
  }

  async finish(): Promise<void> {
    await this.#orLost(this.gpu.queue.onSubmittedWorkDone());
    this.#assertWell();
  }

  async read(buffer: GpuTensorBuffer, spec: TensorSpec): Promise<HostArray> {
    this.#assertWell();
    const storage = buffer.half ? 'f16' : gpuType(spec.dtype);
    const numbers = hostArray(spec);
    // One staging buffer of a segment's size, so that a large tensor is not on the GPU twice.
    for (const [k, { first, shape }] of this.#segmentsOf(spec, storage).entries())
      numbers.set(await this.#readSegment(buffer.segments[k]!, { shape, dtype: spec.dtype }, storage), first);
    this.#assertWell();
    return numbers;
  }

  async #readSegment(segment: PooledBuffer, spec: TensorSpec, storage: GpuType): Promise<HostArray> {
    const staging = this.#staging.take(segment.bytes, 'a read');
    const commands = this.gpu.createCommandEncoder();
    commands.copyBufferToBuffer(segment.buffer, 0, staging.buffer, 0, segment.bytes);
    this.gpu.queue.submit([commands.finish()]);
    await this.#orLost(staging.buffer.mapAsync(MAP_READ));
    const numbers = decode(staging.buffer.getMappedRange(), spec, storage);
    staging.buffer.unmap();
    this.#staging.give(staging);
    return numbers;
  }

  free(buffer: GpuTensorBuffer): void {
    for (const segment of buffer.segments) this.#pool.give(segment);
  }

  dropProgram(program: LoadedProgram): void {
    // Work already submitted keeps the buffer alive until it is done.
    program.uniforms?.destroy();
    program.tables?.buffer.destroy();
  }

  memory(): MemoryUse {
    return { bytes: this.#pool.bytes, peakBytes: this.#pool.peakBytes, limitBytes: this.#pool.limitBytes };
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.gpu.destroy();
  }

  /** Where each segment of a tensor begins, and what it holds. */
  #segmentsOf(spec: TensorSpec, storage = gpuType(spec.dtype)): { first: number; shape: [number]; bytes: number }[] {
    let first = 0;
    return segmentsOf(spec, bindingBytes(this.limits), storage).map((count) => {
      const segment = { first, shape: [count] as [number], bytes: gpuBytes({ ...spec, shape: [count] }, storage) };
      first += count;
      return segment;
    });
  }

  /** All of them or none. */
  #takeAll(bytes: readonly number[], what: string, into: PooledBuffer[]): void {
    try {
      for (const wanted of bytes) into.push(this.#pool.take(wanted, what));
    } catch (error) {
      for (const taken of into.splice(0)) this.#pool.give(taken);
      throw error;
    }
  }

  /** A buffer with these words; undefined if there are none. */
  #filled(words: Uint32Array<ArrayBuffer>, usage: number): GPUBuffer | undefined {
    if (words.byteLength === 0) return undefined;
    const buffer = this.gpu.createBuffer({ size: words.byteLength, usage: usage | BufferUsage.copyTarget });
    this.gpu.queue.writeBuffer(buffer, 0, words);
    return buffer;
  }

  #encode(
    program: LoadedProgram,
    buffers: Readonly<Record<'external' | 'result' | 'object' | 'tables', readonly PooledBuffer[]>>,
  ): GPUCommandBuffer {
    const { graph, steps } = program;
    const commands = this.gpu.createCommandEncoder();
    this.times?.begin(graph.steps.length);
    let pass = this.times === undefined && steps.length > 0 ? commands.beginComputePass() : undefined;
    graph.steps.forEach((step, k) => {
      const { pipeline, groups } = steps[k]!;
      const bound = step.places.map((place) => place && buffers[place.base][place.index]!);
      const key = bound.map((buffer) => buffer?.id ?? '-').join();
      let group = groups.get(key);
      if (group === undefined) {
        const entries: GPUBindGroupEntry[] = [];
        bound.forEach((buffer, binding) => {
          if (buffer !== undefined)
            entries.push({
              binding,
              resource: {
                buffer: buffer.buffer,
                offset: step.places[binding]!.offset,
                size: step.places[binding]!.bytes,
              },
            });
        });
        if (step.uniformBytes > 0)
          entries.push({
            binding: bound.length,
            resource: { buffer: program.uniforms!, offset: step.uniformOffset, size: step.uniformBytes },
          });
        group = this.gpu.createBindGroup({ label: step.label, layout: pipeline!.layout, entries });
        if (groups.size >= GROUPS_KEPT) groups.delete(groups.keys().next().value!);
        groups.set(key, group);
      }
      if (this.times !== undefined) pass = commands.beginComputePass(this.times.writes(k));
      pass!.setPipeline(pipeline!.pipeline);
      pass!.setBindGroup(0, group);
      pass!.dispatchWorkgroups(...step.dispatch.workgroups);
      if (this.times !== undefined) pass!.end();
    });
    if (this.times === undefined) pass?.end();
    else this.times.resolve(commands);
    return commands.finish();
  }

  #growObjects(wanted: readonly number[]): void {
    wanted.forEach((bytes, k) => {
      const there = this.#objects[k];
      if (there !== undefined && there.bytes >= bytes) return;
      if (there !== undefined) this.#pool.give(there);
      // Destroying a buffer that submitted work still uses is allowed; the queue keeps it.
      this.#objects.splice(k, there === undefined ? 0 : 1, this.#pool.take(bytes, 'temporaries'));
    });
  }

  /** A loss stays; any other failure is told once, to whoever comes next. */
  #assertWell(): void {
    const failure = this.#failure;
    if (failure === undefined) return;
    if (!failure.details['lost']) this.#failure = undefined;
    throw failure;
  }

  /** After a loss promises of the GPU reject, resolve early or never settle: the loss wins. */
  async #orLost<T>(work: Promise<T> | undefined): Promise<T | undefined> {
    try {
      const done = await Promise.race([work, this.lost.then((lost) => Promise.reject(lost))]);
      if (this.#failure?.details['lost']) throw this.#failure;
      return done as T | undefined;
    } catch (error) {
      throw this.#failure?.details['lost'] ? this.#failure : error;
    }
  }
}

function isOutOfMemory(error: GPUError): boolean {
  return Object.getPrototypeOf(error)?.constructor?.name === 'GPUOutOfMemoryError';
}
