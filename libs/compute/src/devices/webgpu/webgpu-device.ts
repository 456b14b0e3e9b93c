/** The WebGPU device: recorded programs as one command buffer each, with cached pipelines, bind groups and memory. */
import { DeviceError, DTypeError, OutOfMemoryError } from '../../errors.ts';
import { RecordingDevice, type Backend } from '../../graph/recording-device.ts';
import type { Graph } from '../../graph/graph.ts';
import type { AnyOp } from '../../op/op.ts';
import { describe, type HostArray, type TensorSpec } from '../../tensor/spec.ts';
import type { Device, MemoryUse } from '../device.ts';
import { BufferPool, BufferUsage, MAP_READ, type PooledBuffer } from './buffer-pool.ts';
import { assertBytes, compile, HALF_LAYOUT, type CompiledGraph } from './compile.ts';
import { gpuBytes, gpuType } from './kernel.ts';
import { PipelineCache, type Pipeline } from './pipelines.ts';
import { StepTimes } from './step-times.ts';
import { decode, encode } from './storage.ts';

export interface WebGpuOptions {
  /** Where adapters come from. Default: the browser's `navigator.gpu`; in Node pass `await createNodeGpu()`. */
  readonly gpu?: GPU;
  /** An adapter chosen by the caller; not used for a device before. */
  readonly adapter?: GPUAdapter;
  readonly powerPreference?: GPUPowerPreference;
  /** Optional features not to use although the adapter has them, such as `shader-f16`. */
  readonly without?: readonly string[];
  /**
   * Keeps activations (what operations return with rank 4 or 5) as halves and computes in f32. Uploads, parameters and
   * weight gradients stay f32. Gradients of activations are halves too: scale the loss. Default false.
   */
  readonly halfActivations?: boolean;
  /**
   * Experimental: multiply halves with subgroup matrices, where the adapter has them as `tensorCoresAvailable` wants.
   * The kernels compile but have not been measured on hardware yet. Default false.
   */
  readonly tensorCores?: boolean;
  /** Tensors and temporaries never take more than this together. Default: no limit but the adapter's. */
  readonly maxBytes?: number;
  /** Keeps milliseconds per operation, where the adapter has timestamps. Each dispatch becomes a pass of its own. */
  readonly profile?: boolean;
}

export interface WebGpuDevice extends Device {
  readonly adapterInfo: GPUAdapterInfo;
  readonly features: ReadonlySet<string>;
  readonly limits: GPUSupportedLimits;
  /** Resolves with the error that every later call gets, once the GPU is gone. Recover with a new device and uploads. */
  readonly lost: Promise<DeviceError>;
  /** Milliseconds on the GPU per operation, when profiling. */
  readonly profile: ReadonlyMap<string, number>;
  /** Pipelines made so far. */
  readonly pipelineCount: number;
}

/** What kernels can make use of, asked for where the adapter has it. */
const MATRIX_FEATURE = 'chromium-experimental-subgroup-matrix';
const WANTED_FEATURES = ['shader-f16', 'subgroups', MATRIX_FEATURE, 'timestamp-query'];

/** Limits raised to the adapter's. */
const WANTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxStorageBuffersPerShaderStage',
] as const;

/** Programs handed to the GPU and not finished; beyond it the recorder waits, so that memory does not pile up. */
const IN_FLIGHT = 3;
/** Bind groups kept per dispatch: results alternate between a few buffers. */
const GROUPS_KEPT = 8;

interface GpuTensorBuffer extends PooledBuffer {
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

class WebGpuBackend implements Backend<GpuTensorBuffer, LoadedProgram> {
  readonly kind = 'webgpu';
  readonly name: string;
  readonly gpu: GPUDevice;
  readonly half: boolean;
  readonly tensorCores: boolean;
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

  constructor(gpu: GPUDevice, info: GPUAdapterInfo, options: WebGpuOptions) {
    this.gpu = gpu;
    this.half = options.halfActivations ?? false;
    if (this.half && !gpu.features.has('shader-f16'))
      throw new DeviceError(
        "createWebGpuDevice: halfActivations needs the adapter's shader-f16 feature, which is missing here.",
        { feature: 'shader-f16' },
      );
    this.tensorCores = options.tensorCores ?? false;
    if (this.tensorCores && !(this.half && tensorCoresAvailable(gpu.features, info)))
      throw new DeviceError(
        'createWebGpuDevice: tensorCores needs halfActivations and an adapter with subgroup matrices of 16×16×16, f16 into f32, in subgroups of 32.',
        { feature: MATRIX_FEATURE },
      );
    this.name = `webgpu (${[info.vendor, info.architecture || info.description].filter(Boolean).join(' ') || 'unnamed adapter'}${gpu.features.has('shader-f16') ? `, f16${this.half ? ' activations' : ''}` : ''})`;
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
    if (spec.dtype === 'f16' && !this.gpu.features.has('shader-f16'))
      throw new DTypeError(
        `${this.name}: ${describe(spec)} needs the adapter's shader-f16 feature, which is missing here; use f32.`,
        { dtype: 'f16' },
      );
    assertBytes(gpuBytes(spec), describe(spec), this.gpu.limits);
    const buffer = this.#pool.take(gpuBytes(spec), describe(spec));
    this.gpu.queue.writeBuffer(buffer.buffer, 0, encode(data, spec));
    return { ...buffer, half: false };
  }

  layoutOf(buffer: GpuTensorBuffer): string {
    return buffer.half ? HALF_LAYOUT : '';
  }

  compile(graph: Graph): LoadedProgram {
    this.#assertWell();
    const compiled = compile(graph, {
      features: this.gpu.features as ReadonlySet<string>,
      limits: this.gpu.limits,
      half: this.half,
      tensorCores: this.tensorCores,
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
    const results: GpuTensorBuffer[] = [];
    try {
      this.#growObjects(graph.objects);
      for (const { bytes, half } of graph.results) results.push({ ...this.#pool.take(bytes, 'a result'), half });
    } catch (error) {
      for (const result of results) this.free(result);
      throw error;
    }
    this.gpu.queue.submit([
      this.#encode(program, {
        external: externals,
        result: results,
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
    const staging = this.#staging.take(buffer.bytes, 'a read');
    const commands = this.gpu.createCommandEncoder();
    commands.copyBufferToBuffer(buffer.buffer, 0, staging.buffer, 0, buffer.bytes);
    this.gpu.queue.submit([commands.finish()]);
    await this.#orLost(staging.buffer.mapAsync(MAP_READ));
    const numbers = decode(staging.buffer.getMappedRange(), spec, buffer.half ? 'f16' : gpuType(spec.dtype));
    staging.buffer.unmap();
    this.#staging.give(staging);
    this.#assertWell();
    return numbers;
  }

  free(buffer: GpuTensorBuffer): void {
    this.#pool.give(buffer);
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
                offset: step.places[binding]!.offset ?? 0,
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

interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Whether an adapter has the subgroup matrices that `tensorCores` uses. */
export function tensorCoresAvailable(features: { has(name: string): boolean }, info: GPUAdapterInfo): boolean {
  const configs = (info as { subgroupMatrixConfigs?: readonly MatrixConfig[] }).subgroupMatrixConfigs ?? [];
  return (
    features.has(MATRIX_FEATURE) &&
    info.subgroupMinSize === 32 &&
    info.subgroupMaxSize === 32 &&
    configs.some(
      (config) =>
        config.componentType === 'f16' &&
        config.resultComponentType === 'f32' &&
        config.M === 16 &&
        config.N === 16 &&
        config.K === 16,
    )
  );
}

function isOutOfMemory(error: GPUError): boolean {
  return Object.getPrototypeOf(error)?.constructor?.name === 'GPUOutOfMemoryError';
}

/**
 * Makes a WebGPU device with whatever of f16, subgroups and subgroup matrices the adapter has, and its full limits.
 *
 * Throws: DeviceError if there is no WebGPU here or no adapter; it never falls back to another device.
 */
export async function createWebGpuDevice(options: WebGpuOptions = {}): Promise<WebGpuDevice> {
  const adapter = options.adapter ?? (await findAdapter(options));
  const has = (name: string): boolean =>
    adapter.features.has(name as GPUFeatureName) && !options.without?.includes(name);
  const requiredFeatures = WANTED_FEATURES.filter((name) => has(name)) as GPUFeatureName[];
  const requiredLimits: Record<string, number> = {};
  for (const name of WANTED_LIMITS) requiredLimits[name] = adapter.limits[name];
  let gpu: GPUDevice;
  try {
    gpu = await adapter.requestDevice({ requiredFeatures, requiredLimits });
  } catch (error) {
    throw new DeviceError(
      `createWebGpuDevice: the adapter gave no device: ${(error as Error).message}`,
      { features: requiredFeatures },
      { cause: error },
    );
  }
  const backend = new WebGpuBackend(gpu, adapter.info, options);
  const device = new RecordingDevice(backend);
  return Object.defineProperty(
    Object.assign(device, {
      adapterInfo: adapter.info,
      features: gpu.features as ReadonlySet<string>,
      limits: gpu.limits,
      lost: backend.lost,
      profile: backend.times?.milliseconds ?? new Map<string, number>(),
    }),
    'pipelineCount',
    { get: () => backend.pipelines.size },
  ) as unknown as WebGpuDevice;
}

async function findAdapter({ gpu, powerPreference }: WebGpuOptions): Promise<GPUAdapter> {
  const source = gpu ?? (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (source === undefined)
    throw new DeviceError(
      'createWebGpuDevice: no WebGPU here. In Node install the package webgpu and pass { gpu: await createNodeGpu() } from @voxelwise/compute/node; in a browser use a secure page.',
    );
  const adapter = await source.requestAdapter({ powerPreference: powerPreference ?? 'high-performance' });
  if (adapter === null)
    throw new DeviceError(
      'createWebGpuDevice: WebGPU is here but has no adapter: no usable GPU driver was found. Use the WASM device instead.',
    );
  return adapter;
}
