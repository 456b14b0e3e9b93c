/** DICOM: series of images to volumes, segmentations and structure sets in and out, DICOMweb. Entry `@voxelwise/io/dicom`. */
export { memorySource } from './dataset/byte-source.ts';
export type { ByteSource } from './dataset/byte-source.ts';
export { DataSet } from './dataset/dataset.ts';
export { parseDicom, readDicomFile } from './dataset/parse.ts';
export type { DicomFile, PixelLocation } from './dataset/parse.ts';
export { TAG, tagName } from './dataset/tags.ts';
export { openFrames } from './pixels/frames.ts';
export type { FrameReader } from './pixels/frames.ts';
export { pixelFormat } from './pixels/pixel-format.ts';
export type { DecodedFrame, PixelFormat } from './pixels/pixel-format.ts';
export { gridOf } from './series/arrange.ts';
export type { Arrangement, Lattice } from './series/arrange.ts';
export type { DicomInstance, FrameInfo, Plane } from './series/instance.ts';
export type { Issue, IssueCode } from './series/issue.ts';
export { readDicomVolume, readStack } from './series/read-volume.ts';
export type { DicomVolume, ReadDicomOptions, ReadStackOptions, VolumeKind } from './series/read-volume.ts';
export { isSegmentation, scanDicom } from './series/scan.ts';
export type { DicomScan, DicomStack } from './series/scan.ts';
