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
