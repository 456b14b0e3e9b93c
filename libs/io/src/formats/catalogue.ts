/** All volume formats; adding one is one line. Order: the first that recognises the bytes reads them; names decide last. */
import type { VolumeFormat } from './format.ts';
import { jpeg } from './jpeg/jpeg.ts';
import { metaimage } from './metaimage/metaimage.ts';
import { mgh } from './mgh/mgh.ts';
import { mrc } from './mrc/mrc.ts';
import { nifti } from './nifti/nifti.ts';
import { npy, npz } from './npy/npy-volume.ts';
import { nrrd } from './nrrd/nrrd.ts';
import { png } from './png/png.ts';
import { tiff } from './tiff/tiff.ts';

export const FORMATS: readonly VolumeFormat[] = [nifti, nrrd, metaimage, png, tiff, jpeg, npy, npz, mrc, mgh];
