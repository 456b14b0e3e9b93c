/** All volume formats; adding one is one line. Order: those with a magic number first. */
import { nifti } from './nifti/nifti.ts';
import type { VolumeFormat } from './format.ts';

export const FORMATS: readonly VolumeFormat[] = [nifti];
