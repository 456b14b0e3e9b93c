/**
 * A training's state in one safetensors file: weights, their running average, optimizer state, and the position in the
 * experiment. No clock and no path goes in, so that the same training gives the same bytes.
 */
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '@voxelwise/io';
import { TrainingError } from '../errors.ts';
import type { EpochReport } from '../loop/reports.ts';
import type { TrainingSettings } from '../recipes/training-settings.ts';

/** Where a training stands. */
export interface Position {
  /** Steps done. */
  readonly step: number;
  /** Steps to do in all; less than the settings say where time ran short. */
  readonly steps: number;
  /** Sum of the losses of the running epoch so far. */
  readonly lossSum: number;
  readonly history: readonly EpochReport[];
}

export interface Checkpoint {
  readonly position: Position;
  readonly seed: number;
  readonly settings: TrainingSettings;
  readonly identity: Readonly<Record<string, unknown>>;
  /** `weights.<name>`, `average.<name>`, `velocity.<name>`, … */
  readonly tensors: ReadonlyMap<string, NamedTensor>;
}

const FORMAT = 'voxelwise checkpoint 1';

export function encodeCheckpoint({ tensors, ...rest }: Checkpoint): Uint8Array {
  return encodeSafetensors(tensors, { format: FORMAT, state: JSON.stringify(rest) });
}

/** Whether these bytes are a checkpoint of ours, not plain weights. Throws: FormatError for broken files. */
export function isCheckpoint(bytes: Uint8Array, name: string): boolean {
  return decodeSafetensors(bytes, name).metadata['format'] === FORMAT;
}

/** Throws: FormatError for broken files, TrainingError for safetensors that are no checkpoint of ours. */
export function decodeCheckpoint(bytes: Uint8Array, name: string): Checkpoint {
  const { tensors, metadata } = decodeSafetensors(bytes, name);
  if (metadata['format'] !== FORMAT)
    throw new TrainingError(
      `${name}: expected a checkpoint written by this library ("${FORMAT}"), came ${metadata['format'] ?? 'another safetensors file'}.`,
      { file: name },
    );
  return { ...(JSON.parse(metadata['state']!) as Omit<Checkpoint, 'tensors'>), tensors };
}

/** The tensors of one kind, their prefix taken off. */
export function tensorsOf(checkpoint: Checkpoint, kind: string): ReadonlyMap<string, NamedTensor> {
  const prefix = `${kind}.`;
  return new Map(
    [...checkpoint.tensors]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, array]) => [name.slice(prefix.length), array]),
  );
}

/** The weights to predict with: the running average where there is one. */
export function predictingWeights(checkpoint: Checkpoint): ReadonlyMap<string, NamedTensor> {
  const average = tensorsOf(checkpoint, 'average');
  return average.size > 0 ? average : tensorsOf(checkpoint, 'weights');
}
