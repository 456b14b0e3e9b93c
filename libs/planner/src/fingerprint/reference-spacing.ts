/** The spacing the reference assigns to images that have none. */
import { type Case, spacing } from '@voxelwise/volume';
import type { Triple } from './fingerprint.ts';

/** Photographs and the like, which the reference reads as one slice of 999 mm. */
const FLAT_ENDINGS = ['.png', '.bmp', '.tif', '.jpg', '.jpeg'];

/**
 * What to give `takeFingerprint` as `spacingOf` so that its file equals the reference's: [999, 1, 1] for single-slice
 * images of a format without millimetres, the grid's own spacing otherwise.
 */
export function referenceSpacing(fileEnding: string): (subject: Case) => Triple {
  const flat = FLAT_ENDINGS.includes(fileEnding.toLowerCase());
  return ({ images: { grid } }) => (flat && grid.shape[0] === 1 ? [999, 1, 1] : spacing(grid));
}
