/** Bytes to volumes, weights and data sets, and back. */
export { DatasetError, FormatError, ServerError } from './errors.ts';
export type { FormatErrorPlace } from './errors.ts';
export { blobSource, bytesSource } from './bytes/byte-source.ts';
export type { ByteSource } from './bytes/byte-source.ts';
export { release } from './bytes/release.ts';
export { decodeVolume, encodeFiles, encodeVolume, openSource } from './volume-file.ts';
export type {
  Companions,
  DecodeOptions,
  DecodedVolume,
  EncodeOptions,
  EncodedFile,
  FormatWarning,
  StreamedVolume,
  VolumeFormat,
  VolumeReader,
  VolumeSource,
} from './formats/format.ts';
export { FORMATS } from './formats/catalogue.ts';
export type { SlabRange } from './voxels/voxel-block.ts';
export type { StoredType, VoxelType } from './voxels/stored-type.ts';
export { castVoxels } from './voxels/cast-voxels.ts';
export { straightGrid, straightenVolume } from './voxels/straighten-volume.ts';
export {
  decodeSafetensors,
  encodeSafetensors,
  type NamedTensor,
  type Safetensors,
  type SafetensorsType,
} from './weights/safetensors.ts';
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
export { ARRAY_BYTES, asFloat32, elementCount } from './arrays/named-array.ts';
export type { ArrayData, ArrayType, NamedArray, NamedArrays } from './arrays/named-array.ts';
export { Zip, encodeZip, isZip } from './archives/zip.ts';
export type { ZipEntry } from './archives/zip-directory.ts';
export type { ZipContent } from './archives/zip.ts';
export { decodeB2nd } from './formats/blosc2/b2nd.ts';
export { encodeB2nd } from './formats/blosc2/b2nd-write.ts';
export { decodeNpy, decodeNpz, encodeNpy, encodeNpz, openNpz, streamNpz } from './formats/npy/npy.ts';
export type { NpzArray, StreamedArray } from './formats/npy/npy.ts';
export { OpaqueObject, OrderedDict, PickleGlobal, PyFloat, Tuple } from './formats/torch/pickle-values.ts';
export type { PickleValue } from './formats/torch/pickle-values.ts';
export { NumpyArray } from './formats/torch/torch-calls.ts';
export { decodeTorch, torchArrays } from './formats/torch/torch-read.ts';
export type { TorchFile } from './formats/torch/torch-read.ts';
export { TorchTensor } from './formats/torch/torch-tensor.ts';
export { encodeTorch } from './formats/torch/torch-write.ts';
export type { TorchWritable } from './formats/torch/torch-write.ts';
export { decodePickle } from './formats/torch/pickle-file.ts';
export { unpickle } from './formats/torch/unpickle.ts';
export { examineDataset } from './doctor/examine-dataset.ts';
export type { ExamineOptions } from './doctor/examine-dataset.ts';
export { faultOf } from './doctor/fault.ts';
export type { Fault, FaultCode } from './doctor/fault.ts';
