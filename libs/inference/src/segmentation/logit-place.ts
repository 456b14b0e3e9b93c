/** Where the logits of a volume are until they are decided. */
import type { PreprocessProperties, PreprocessSettings } from '@voxelwise/transforms';
import { voxelCount, type PerAxis } from '@voxelwise/volume';
import type { PredictOptions } from '../predict-options.ts';
import { decidesBySlab } from './slab-decisions.ts';

/** Above this, no volume of logits is held in memory where that can be avoided. */
const MOST_LOGIT_BYTES = 2 ** 26;

/** `slabs`: decided as they are finished, never together. `stored`: in a store, outside of memory. */
export type LogitPlace = 'memory' | 'slabs' | 'stored';

export interface Destination extends Pick<PredictOptions, 'nextStages' | 'maxLogitBytes'> {
  /** Whether probabilities are written channel by channel, or returned whole. */
  readonly probabilities?: false | 'written' | 'returned';
  /** Whether there is a store. */
  readonly store?: boolean;
}

export function placeOfLogits(
  channels: number,
  settings: Pick<PreprocessSettings, 'resampling'>,
  { shape, shapeAfterCropping }: Pick<PreprocessProperties, 'shape' | 'shapeAfterCropping'>,
  { nextStages = [], probabilities = false, store = false, maxLogitBytes = MOST_LOGIT_BYTES }: Destination,
): LogitPlace {
  const large = (one: PerAxis): boolean => 4 * channels * voxelCount(one) > maxLogitBytes;
  if (!probabilities && nextStages.length === 0 && decidesBySlab(settings)) return large(shape) ? 'slabs' : 'memory';
  if (!store || probabilities === 'returned') return 'memory';
  return [shape, ...nextStages, ...(probabilities ? [shapeAfterCropping] : [])].some(large) ? 'stored' : 'memory';
}
