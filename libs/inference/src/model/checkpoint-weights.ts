/** The weights in a checkpoint file: ours (safetensors), plain safetensors, or nnU-Net's (.pth). */
import { decodeSafetensors, type NamedTensor } from '@voxelwise/io';
import {
  stateDictEntries,
  weightsFromStateDict,
  type NamedArray,
  type NetworkConfig,
  type Weights,
} from '@voxelwise/nets';
import { ModelError } from '../errors.ts';

/** What a safetensors file of weights holds: a checkpoint of ours (`average.…`, `weights.…`), our names, or the reference's. */
export function safetensorsWeights(bytes: Uint8Array, file: string, config: NetworkConfig): Weights {
  const { tensors } = decodeSafetensors(bytes, file);
  const under = (prefix: string): Map<string, NamedTensor> =>
    new Map(
      [...tensors]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, array]) => [name.slice(prefix.length), array]),
    );
  const groups = [under('average.'), under('weights.'), tensors];
  const arrays = floats(groups.find((group) => group.size > 0) ?? tensors, file);
  const ours = new Set(stateDictEntries(config).map((entry) => entry.ours));
  if ([...arrays.keys()].every((name) => ours.has(name))) return arrays;
  return weightsFromStateDict(config, arrays);
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
