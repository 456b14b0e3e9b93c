/** A prepared case as one safetensors file: image, labels, and the voxels of each class. */
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '@voxelwise/io';
import type { PreprocessProperties } from '@voxelwise/transforms';
import type { PerAxis } from '@voxelwise/volume';
import { TrainingError } from '../errors.ts';
import type { CaseArrays } from './memory-case.ts';

const FORMAT = 'voxelwise prepared case 1';
const LOCATIONS = 'locations.';

/** `plan`: whatever tells preprocessed data of different plans apart; compared when reading. */
export function encodeCase({ id, shape, image, labels, locations, properties }: CaseArrays, plan: string): Uint8Array {
  const voxels = shape[0] * shape[1] * shape[2];
  const tensors = new Map<string, NamedTensor>([
    ['image', { shape: [image.length / voxels, ...shape], data: image }],
    ['labels', { shape: [labels.length / voxels, ...shape], data: labels }],
  ]);
  for (const [key, indices] of locations)
    tensors.set(LOCATIONS + key, { shape: [indices.length], data: Int32Array.from(indices) });
  return encodeSafetensors(tensors, {
    format: FORMAT,
    id,
    plan,
    ...(properties ? { properties: JSON.stringify(properties) } : {}),
  });
}

/** Throws: FormatError for damaged files, TrainingError for a file of another plan or kind. */
export function decodeCase(bytes: Uint8Array, name: string, plan: string): CaseArrays {
  const { tensors, metadata } = decodeSafetensors(bytes, name);
  if (metadata['format'] !== FORMAT)
    throw new TrainingError(
      `${name}: expected a prepared case ("${FORMAT}"), came ${metadata['format'] ?? 'another safetensors file'}.`,
      { file: name },
    );
  if (metadata['plan'] !== plan)
    throw new TrainingError(`${name}: was preprocessed after another plan; preprocess the data set again.`, {
      file: name,
    });
  const image = tensors.get('image')!;
  const locations = [...tensors]
    .filter(([key]) => key.startsWith(LOCATIONS))
    .map(([key, { data }]) => [key.slice(LOCATIONS.length), Uint32Array.from(data)] as const);
  return {
    id: metadata['id']!,
    shape: image.shape.slice(1) as unknown as PerAxis,
    image: image.data as Float32Array,
    labels: tensors.get('labels')!.data as Int16Array,
    locations: new Map(locations),
    ...(metadata['properties'] === undefined
      ? {}
      : { properties: JSON.parse(metadata['properties']) as PreprocessProperties }),
  };
}
