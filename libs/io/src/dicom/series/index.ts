/** What reading a series takes, and no more: segmentations, structure sets and DICOMweb are loaded apart from it. */
export { Overflow } from './direct-read.ts';
export { openStack } from './read-volume.ts';
export type { OpenStack, ReadStackOptions } from './read-volume.ts';
export { scanDicom } from './scan.ts';
export type { DicomScan, DicomStack } from './scan.ts';
