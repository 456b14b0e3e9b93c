/** The weights in a checkpoint file: ours (safetensors), plain safetensors, or nnU-Net's (.pth). */
import { decodeSafetensors, type NamedTensor } from '@voxelwise/io';
import {
  buildNetwork,
  parametersOf,
  stateDictEntries,
  weightsFromStateDict,
  type Module,
  type NamedArray,
  type NetworkConfig,
  type Weights,
} from '@voxelwise/nets';
import { ModelError } from '../errors.ts';
import { readTorchArrays } from './torch-checkpoint.ts';

/** Builds a network that the catalogue does not hold. */
export type BuildNetwork = (config: NetworkConfig) => Module;

/** What a safetensors file of weights holds: a checkpoint of ours (`average.…`, `weights.…`), our names, or the reference's. */
export function safetensorsWeights(
  bytes: Uint8Array,
  file: string,
  config: NetworkConfig,
  build: BuildNetwork = buildNetwork,
): Weights {
  const arrays = safetensorsArrays(bytes, file);
  const ours = parametersOf(build(config));
  if ([...arrays.keys()].every((name) => ours.has(name))) return arrays;
  return weightsFromStateDict(config, arrays);
}

/**
 * Weights to start a training from, by our names where the network has them, whatever else is in the file: nothing is
 * compared here, see `matchPretrained`. `file` ends in .safetensors, .pth or .pt.
 *
 * Throws: FormatError for damaged files and those that would need code to be run.
 */
export async function pretrainedWeights(bytes: Uint8Array, file: string, config: NetworkConfig): Promise<Weights> {
  const arrays = /\.pth?$/i.test(file) ? await readTorchArrays(bytes, file) : safetensorsArrays(bytes, file);
  const entries = new Map(stateDictEntries(config).map((entry) => [entry.theirs, entry]));
  const found = new Map<string, NamedArray>();
  for (const [name, array] of arrays) {
    const plain = name.replace(/^(module\.|_orig_mod\.)+/, '');
    const entry = entries.get(plain);
    if (!entry?.alias) found.set(entry?.ours ?? plain, array);
  }
  return found;
}

function safetensorsArrays(bytes: Uint8Array, file: string): ReadonlyMap<string, NamedArray> {
  const { tensors } = decodeSafetensors(bytes, file);
  const under = (prefix: string): Map<string, NamedTensor> =>
    new Map(
      [...tensors]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, array]) => [name.slice(prefix.length), array]),
    );
  const groups = [under('average.'), under('weights.'), tensors];
  return floats(groups.find((group) => group.size > 0) ?? tensors, file);
}

function floats(tensors: ReadonlyMap<string, NamedTensor>, file: string): ReadonlyMap<string, NamedArray> {
  return new Map(
    Array.from(tensors, ([name, { shape, data }]) => {
      if (data instanceof Float32Array) return [name, { shape, data }];
      if (data instanceof Float64Array) return [name, { shape, data: Float32Array.from(data) }];
      throw new ModelError(`${file}: ${name} holds whole numbers; weights are floats.`, { file, name });
    }),
  );
}
