/** Node-only entry of @voxelwise/io: images and data sets by path. */
export { openFile } from './node/file-source.ts';
export type { FileSource } from './node/file-source.ts';
export { openVolume, readVolume, writeVolume } from './node/volume-path.ts';
export type { OpenVolume } from './node/volume-path.ts';
export { scanFolder, writeStack } from './node/stack-path.ts';
export { temporaryPath } from './node/temporary-path.ts';
export { FormatError } from './errors.ts';
export { folderTree, openDataset, resolveDataset } from './node/dataset-path.ts';
export type { DatasetRoots, ResolvedDataset } from './node/dataset-path.ts';
export { dicomFile, dicomFolder } from './dicom/node-files.ts';
