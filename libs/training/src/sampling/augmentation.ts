/** Chance on patches. An augmentation is a value: a function of a crop and a random stream, the same for the same two. */
import type { Rng } from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import type { Crop } from '../cases/prepared-case.ts';

export interface Augmentation {
  /** How large to cut so that turned corners are still filled, for a final patch. */
  initialPatch(patch: PerAxis): PerAxis;
  /** Changes a crop of the initial patch into one of the final patch. */
  apply(crop: Crop, patch: PerAxis, random: Rng): Promise<Crop>;
}
