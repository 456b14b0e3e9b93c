/** nnU-Net v2's `checkpoint_*.pth`: weights, and what it says about itself. Parsed, never executed. */
import { asFloat32, decodeTorch, torchArrays, Tuple, type PickleValue } from '@voxelwise/io';
import { weightsFromStateDict, type NamedArray, type NetworkConfig, type Weights } from '@voxelwise/nets';
import { ModelError } from '../errors.ts';

export interface TorchModel {
  /** Of `init_args`, where the file has it. */
  readonly configuration: string | undefined;
  /** As the file counts them: over the patch's own axes. None if the file does not say, as nnU-Net's predictor has it. */
  readonly mirrorAxes: readonly number[];
  /** Whether its network counts statistics: a trainer may have changed what the plans say of normalization. */
  readonly batchNorm: boolean;
  weights(config: NetworkConfig): Weights;
}

/** Throws: FormatError for files that are no checkpoint, or whose weights would need code to be run. */
export async function readTorchWeights(bytes: Uint8Array, file: string): Promise<TorchModel> {
  const checkpoint = await decodeTorch(bytes, { file });
  const top = checkpoint.value instanceof Map ? checkpoint.value : new Map<PickleValue, PickleValue>();
  const init = top.get('init_args');
  const configuration = init instanceof Map ? init.get('configuration') : undefined;
  return {
    configuration: typeof configuration === 'string' ? configuration : undefined,
    mirrorAxes: axesOf(top.get('inference_allowed_mirroring_axes'), file),
    batchNorm: [...torchArrays(checkpoint).keys()].some((name) => name.endsWith('.running_mean')),
    weights: (config) => weightsFromStateDict(config, floatsOf(checkpoint)),
  };
}

/** All arrays of a checkpoint's network by the names it gives them. Throws: FormatError as above. */
export async function readTorchArrays(bytes: Uint8Array, file: string): Promise<ReadonlyMap<string, NamedArray>> {
  return floatsOf(await decodeTorch(bytes, { file }));
}

function floatsOf(checkpoint: Awaited<ReturnType<typeof decodeTorch>>): ReadonlyMap<string, NamedArray> {
  return new Map(
    Array.from(torchArrays(checkpoint), ([name, array]): [string, NamedArray] => {
      if (array.dtype.startsWith('complex'))
        throw new ModelError(`${checkpoint.file}: ${name} holds complex numbers; weights are real.`, { name });
      return [name, { shape: array.shape, data: asFloat32(array) }];
    }),
  );
}

/** None, or no word of it: mirroring is not allowed. Throws: ModelError for what are no axes. */
function axesOf(value: PickleValue | undefined, file: string): readonly number[] {
  if (value === undefined || value === null) return [];
  const items = value instanceof Tuple ? value.items : value;
  if (Array.isArray(items) && items.every((axis) => axis === 0 || axis === 1 || axis === 2))
    return [...new Set(items as number[])];
  throw new ModelError(
    `${file}: "inference_allowed_mirroring_axes" must be None or axes of the patch, such as (0, 1, 2); this is neither.`,
    { file },
  );
}
