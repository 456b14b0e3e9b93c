/** DICOM entry of @voxelwise/io: `@voxelwise/io/dicom`, apart so that readers of other formats load no codecs. */
export * from './dicom/index.ts';
