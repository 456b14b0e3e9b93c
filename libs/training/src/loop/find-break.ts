/** Where a step's numbers broke: the step is done again without the update, and every operation's result is looked at. */
import {
  keep,
  max,
  min,
  sizeOf,
  Tensor,
  valueAndGradients,
  type AnyOp,
  type Device,
  type HostArray,
  type MemoryUse,
  type TensorSpec,
} from '@voxelwise/compute';
import { parametersOf } from '@voxelwise/nets';
import type { Batch } from '../sampling/batch.ts';
import { outputsOf, supervisedLoss, uploadImage, uploadTargets, type StepParts } from './network-step.ts';

export interface Break {
  /** Name of the first operation whose result holds NaN or infinity. */
  readonly operation: string;
  readonly pass: 'forward' | 'loss' | 'backward';
  /** The parameters' place in the network: of this operation, or of the last one before it that had parameters. */
  readonly layer: string | undefined;
  readonly shape: readonly number[];
  /** Samples of the batch that hold it; undefined where the result is not per sample. */
  readonly samples: readonly number[] | undefined;
}

/** Undefined where nothing broke this time. Throws: OutOfMemoryError. */
export async function findBreak(parts: StepParts, batch: Batch): Promise<Break | undefined> {
  const watching = new WatchingDevice(parts.device, batch.samples);
  const parameters = [...parametersOf(parts.network)];
  const before = parameters.map(([, parameter]) => parameter.value);
  const views = before.map((value, k) => {
    watching.layers.set(value.storage, parameters[k]![0].replace(/\.[^.]*$/, ''));
    return keep(new Tensor(value, watching, value.storage));
  });
  parameters.forEach(([, parameter], k) => (parameter.value = views[k]!));
  try {
    const own = { ...parts, device: watching };
    const { value, gradients } = valueAndGradients(() => {
      const image = uploadImage(own, batch);
      const targets = uploadTargets(own, batch);
      const outputs = outputsOf(parts, image, true);
      watching.pass = 'loss';
      const loss = supervisedLoss(own, outputs, targets);
      watching.pass = 'backward';
      return loss;
    }, views);
    for (const made of [value, ...gradients]) made?.dispose();
    return await watching.first();
  } finally {
    parameters.forEach(([, parameter], k) => (parameter.value = before[k]!));
  }
}

interface Watched extends Omit<Break, 'samples'> {
  /** Greatest and least value, per sample where `perSample`. */
  readonly extremes: readonly Tensor[];
  readonly perSample: boolean;
}

/** Hands everything on to a device, and has it take the greatest and least value of each result. */
class WatchingDevice implements Device {
  readonly kind;
  readonly name;
  pass: Break['pass'] = 'forward';
  /** By the storage of their parameters. */
  readonly layers = new Map<object, string>();
  readonly #device: Device;
  readonly #samples: number;
  readonly #watched: Watched[] = [];
  #layer: string | undefined;

  constructor(device: Device, samples: number) {
    this.kind = device.kind;
    this.name = device.name;
    this.#device = device;
    this.#samples = samples;
  }

  run(
    op: AnyOp,
    inputs: Readonly<Record<string, Tensor | undefined>>,
    options: unknown,
    outputs: readonly TensorSpec[],
  ): object[] {
    for (const input of Object.values(inputs)) this.#layer = this.layers.get(input?.storage ?? this) ?? this.#layer;
    const storages = this.#device.run(op, inputs, options, outputs);
    outputs.forEach((spec, k) => {
      if (spec.dtype === 'f32' && sizeOf(spec.shape) > 0) this.#watch(op.name, spec, storages[k]!);
    });
    return storages;
  }

  /** The first result, in the order of the operations, that holds something that is no finite number. */
  async first(): Promise<Break | undefined> {
    try {
      for (const { extremes, perSample, ...where } of this.#watched) {
        const values = await Promise.all(extremes.map((tensor) => tensor.read()));
        const broken = [...values[0]!.keys()].filter((k) => values.some((list) => !Number.isFinite(list[k])));
        if (broken.length > 0) return { ...where, samples: perSample ? broken : undefined };
      }
      return undefined;
    } finally {
      for (const { extremes } of this.#watched) for (const tensor of extremes) tensor.dispose();
    }
  }

  #watch(operation: string, spec: TensorSpec, storage: object): void {
    const perSample = spec.shape.length > 2 && spec.shape[0] === this.#samples && this.pass !== 'backward';
    const axes = perSample ? spec.shape.map((_, axis) => axis).slice(1) : null;
    const kept: TensorSpec = { shape: perSample ? [this.#samples] : [], dtype: 'f32' };
    const x = keep(new Tensor(spec, this.#device, storage));
    const extremes = [max, min].map((extreme) => {
      const [result] = this.#device.run(extreme as unknown as AnyOp, { x }, { axes, keepDims: false }, [kept]);
      return keep(new Tensor(kept, this.#device, result!));
    });
    this.#watched.push({ operation, pass: this.pass, layer: this.#layer, shape: spec.shape, extremes, perSample });
  }

  upload(data: HostArray, spec: TensorSpec): object {
    return this.#device.upload(data, spec);
  }

  read(storage: object, spec: TensorSpec): Promise<HostArray> {
    return this.#device.read(storage, spec);
  }

  release(storage: object): void {
    this.#device.release(storage);
  }

  flush(): Promise<void> {
    return this.#device.flush();
  }

  memory(): MemoryUse {
    return this.#device.memory();
  }

  /** The device belongs to somebody else. */
  dispose(): void {}
}
