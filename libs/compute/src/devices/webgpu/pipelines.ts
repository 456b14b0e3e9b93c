/** Compute pipelines of one GPU device, made once per text: prelude + shader + entry point. */
import { DeviceError } from '../../errors.ts';
import type { Dispatch } from './kernel.ts';

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export class PipelineCache {
  readonly #gpu: GPUDevice;
  readonly #made = new Map<string, Promise<Pipeline>>();

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
  }

  get size(): number {
    return this.#made.size;
  }

  /** Rejects with DeviceError, which quotes the compiler, if the shader is not valid. */
  get(dispatch: Dispatch, label: string): Promise<Pipeline> {
    const code = shaderText(dispatch);
    const entryPoint = dispatch.entryPoint ?? 'main';
    const key = `${entryPoint}\n${code}`;
    let made = this.#made.get(key);
    if (made === undefined) {
      made = this.#make(code, entryPoint, label);
      // Whoever runs the program awaits it; until then a failure must not count as unhandled.
      made.catch(() => undefined);
      this.#made.set(key, made);
    }
    return made;
  }

  async #make(code: string, entryPoint: string, label: string): Promise<Pipeline> {
    // A refused shader is this program's failure, not the device's.
    this.#gpu.pushErrorScope('validation');
    const module = this.#gpu.createShaderModule({ code, label });
    void this.#gpu.popErrorScope().catch(() => null);
    try {
      const pipeline = await this.#gpu.createComputePipelineAsync({
        label,
        layout: 'auto',
        compute: { module, entryPoint },
      });
      return { pipeline, layout: pipeline.getBindGroupLayout(0) };
    } catch (error) {
      const { messages } = await module.getCompilationInfo();
      const said = messages
        .filter((message) => message.type === 'error')
        .map((message) => `line ${message.lineNum}: ${message.message}`);
      throw new DeviceError(
        `${label}: its shader was refused: ${said.join('; ') || (error as Error).message}`,
        { op: label, entryPoint, messages: said },
        { cause: error },
      );
    }
  }
}

/** The prelude and the shader as compiled. */
export function shaderText(dispatch: Dispatch): string {
  const enables = new Set(dispatch.enables);
  const types = Object.entries(dispatch.types ?? {});
  if (types.some(([, type]) => type === 'f16')) enables.add('f16');
  const lines = [
    ...[...enables].map((name) => `enable ${name};`),
    ...types.map(([name, type]) => `alias ${name} = ${type};`),
    ...Object.entries(dispatch.constants ?? {}).map(([name, value]) => `const ${name} = ${literal(value)};`),
    ...(dispatch.functions ?? []),
  ];
  return `${lines.join('\n')}\n${dispatch.shader}`;
}

function literal(value: number | boolean): string {
  if (typeof value === 'boolean' || Number.isInteger(value)) return `${value}`;
  if (!Number.isFinite(value))
    throw new DeviceError(`A shader constant is finite, came ${value}; pass it as a uniform.`);
  return `${value}`;
}
