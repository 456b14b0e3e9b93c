/** DICOM: series of images to volumes, segmentations and structure sets in and out, DICOMweb. Entry `@voxelwise/io/dicom`. */
export { memorySource } from './dataset/dicom-source.ts';
export type { DicomSource } from './dataset/dicom-source.ts';
export { DataSet } from './dataset/dataset.ts';
export { parseDicom, readDicomFile } from './dataset/parse.ts';
export type { DicomFile, PixelLocation } from './dataset/parse.ts';
export { TAG, tagName } from './dataset/tags.ts';
export { examineDicom } from './examine.ts';
export { openFrames } from './pixels/frames.ts';
export type { FrameReader } from './pixels/frames.ts';
export { pixelFormat } from './pixels/pixel-format.ts';
export type { DecodedFrame, PixelFormat } from './pixels/pixel-format.ts';
export { gridOf } from './series/arrange.ts';
export type { Arrangement, Lattice } from './series/arrange.ts';
export type { DicomInstance, FrameInfo } from './series/instance.ts';
export type { Plane } from './series/plane.ts';
export type { Issue, IssueCode } from './series/issue.ts';
export { Overflow } from './series/direct-read.ts';
export { openStack, readDicomVolume, readStack } from './series/read-volume.ts';
export type { DicomVolume, OpenStack, ReadDicomOptions, ReadStackOptions, VolumeKind } from './series/read-volume.ts';
export { straightLabels, tiltedLabels } from './series/tilted-labels.ts';
export { isSegmentation, scanDicom } from './series/scan.ts';
export type { DicomScan, DicomStack } from './series/scan.ts';
export { labelVolume } from './segmentation/masks.ts';
export type { LabelVolume, Mask, MaskOptions, MaskReport, MaskSelection } from './segmentation/masks.ts';
export { readSegmentation } from './segmentation/read-segmentation.ts';
export type { SegmentationOptions } from './segmentation/read-segmentation.ts';
export { imagesOf } from './segmentation/referenced-series.ts';
export { openSegmentation } from './segmentation/segment-frames.ts';
export type { Segment, SegmentFrame, SegmentationObject } from './segmentation/segment-frames.ts';
export { targetOf, targetOfGrid } from './segmentation/target.ts';
export type { MaskTarget } from './segmentation/target.ts';
export { readStructures } from './structures/read-structures.ts';
export type { StructureOptions } from './structures/read-structures.ts';
export { readStructureSet } from './structures/structure-set.ts';
export type { Contour, Region, StructureSet } from './structures/structure-set.ts';
export { writeSegmentation } from './segmentation/write-segmentation.ts';
export type { SegmentationWriteOptions } from './segmentation/write-segmentation.ts';
export { writeStructures } from './structures/write-structures.ts';
export type { StructureWriteOptions } from './structures/write-structures.ts';
export type { DerivedOptions, SegmentDescription } from './write/derived-object.ts';
export { encodeDataSet, encodeFile } from './write/encode.ts';
export type { Content } from './write/encode.ts';
export { dicomWeb } from './web/dicom-web.ts';
export type {
  DicomWeb,
  DicomWebOptions,
  Query,
  SeriesAddress,
  SeriesEntry,
  StoreResult,
  StudyEntry,
} from './web/dicom-web.ts';
export type { JsonAttribute, JsonDataSet } from './web/dicom-json.ts';
