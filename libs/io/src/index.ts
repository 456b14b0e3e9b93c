/** Bytes to volumes, weights and data sets, and back. */
export { DatasetError, FormatError } from './errors.ts';
export type { FormatErrorPlace } from './errors.ts';
export { blobSource, bytesSource } from './bytes/byte-source.ts';
export type { ByteSource } from './bytes/byte-source.ts';
export { decodeVolume, encodeFiles, encodeVolume, openSource } from './volume-file.ts';
export type {
  Companions, DecodeOptions, DecodedVolume, EncodeOptions, EncodedFile, FormatWarning, VolumeFormat, VolumeReader, VolumeSource,
} from './formats/format.ts';
export { FORMATS } from './formats/catalogue.ts';
export type { SlabRange } from './voxels/voxel-block.ts';
export type { StoredType, VoxelType } from './voxels/stored-type.ts';
export { castVoxels } from './voxels/cast-voxels.ts';
export { decodeSafetensors, encodeSafetensors, type NamedTensor, type Safetensors, type SafetensorsType } from './weights/safetensors.ts';
export { caseById, datasetJson } from './datasets/dataset.ts';
export type { CaseFiles, Dataset, DatasetLayout } from './datasets/dataset.ts';
export { memoryTree } from './datasets/file-tree.ts';
export type { FileTree } from './datasets/file-tree.ts';
export { readFolderDataset } from './datasets/folder-dataset.ts';
export type { FolderMeaning } from './datasets/folder-dataset.ts';
export { allowedValues, labelSet, labelSetFromNumbers } from './datasets/label-set.ts';
export type { LabelSet, LabelValue } from './datasets/label-set.ts';
export { endingOf } from './datasets/listed-dataset.ts';
export type { DatalistMeaning } from './datasets/listed-dataset.ts';
export { loadCase, readFromTree } from './datasets/load-case.ts';
export type { LoadedCase } from './datasets/load-case.ts';
export { readDataset } from './datasets/read-dataset.ts';
