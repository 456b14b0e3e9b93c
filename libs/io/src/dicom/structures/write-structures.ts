/** A prediction on a DICOM series as an RT structure set (PS3.3 A.19): contours per slice that give back the same voxels. */
import type { Volume } from '@voxelwise/volume';
import { FormatError } from '../../errors.ts';
import type { DicomStack } from '../series/scan.ts';
import { plus } from '../series/vector.ts';
import {
  checkSegments,
  derivedContext,
  referencedImage,
  referencedInstances,
  segmentIndex,
} from '../write/derived-object.ts';
import type { DerivedOptions } from '../write/derived-object.ts';
import { decimalString, encodeFile } from '../write/encode.ts';
import type { Content } from '../write/encode.ts';
import { derivedUid } from '../write/identity.ts';
import { outlines } from './outline.ts';
import type { Polygon } from './rasterize.ts';
import { sliceMasks } from './slice-masks.ts';
import type { SegmentMask } from './slice-masks.ts';

const STRUCTURE_SET_STORAGE = '1.2.840.10008.5.1.4.1.1.481.3';
const DETACHED_STUDY = '1.2.840.10008.3.1.2.3.1';

export interface StructureWriteOptions extends DerivedOptions {
  /** RTROIInterpretedType of all regions: ORGAN, GTV, PTV, … */
  readonly interpretedType?: string;
}

/** Colors that stay apart, in turn: hues a golden angle from each other. */
function paletteColor(i: number): readonly number[] {
  const hue = (i * 137.508) % 360;
  const channel = (n: number): number => {
    const k = (n + hue / 60) % 6;
    return Math.round(255 * (0.95 - 0.75 * Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return [channel(5), channel(3), channel(1)];
}

/**
 * Writes labels as an RTSTRUCT file; regions are numbered by their labels. A label with no voxel becomes a region without contours.
 *
 * `labels`: [1, z, y, x] label numbers, or [segments, z, y, x] zeros and ones, on the stack's grid, or on that which `onTilt: 'shear'` or
 * `onUneven: 'resample'` makes of it.
 * Throws: FormatError when the grid is not the stack's, or labels and descriptions do not match.
 */
export async function writeStructures(
  labels: Volume,
  stack: DicomStack,
  options: StructureWriteOptions,
): Promise<Uint8Array> {
  checkSegments(labels, options);
  const { lattice, corners, labels: placed, slices, shared, when } = await derivedContext(stack, labels, options);
  const frameOfReference = stack.instances[0]!.frameOfReference;
  if (frameOfReference === undefined)
    throw new FormatError(
      `write: the images of series ${stack.series} have no FrameOfReferenceUID, which a structure set must name. Write a DICOM SEG instead.`,
      { field: '(0020,0052) FrameOfReferenceUID' },
    );
  const contour = (polygon: Polygon, { top, left }: SegmentMask, slice: number): Content => {
    const coordinates: string[] = [];
    for (let p = 0; p < polygon.length; p += 2) {
      const inRow = plus(corners[slice]!, lattice.alongRow, left + polygon[p]!);
      for (const value of plus(inRow, lattice.alongColumn, top + polygon[p + 1]!))
        coordinates.push(decimalString(value));
    }
    return {
      ContourImageSequence: [referencedImage(slices[slice]!)],
      ContourGeometricType: 'CLOSED_PLANAR',
      NumberOfContourPoints: polygon.length / 2,
      ContourData: coordinates,
    };
  };
  const drawnOf: readonly Content[][] = options.segments.map(() => []);
  const indexOf = segmentIndex(options.segments);
  for (let slice = 0; slice < lattice.slices; slice++)
    for (const mask of sliceMasks(placed, indexOf, slice))
      for (const polygon of outlines(mask)) drawnOf[mask.segment]!.push(contour(polygon, mask, slice));
  const contours: readonly Content[] = options.segments.map((segment, index): Content => {
    const drawn = drawnOf[index]!;
    return {
      ROIDisplayColor: segment.color ?? paletteColor(index),
      ...(drawn.length > 0 ? { ContourSequence: drawn } : {}),
      ReferencedROINumber: segment.label,
    };
  });
  const seed = [stack.series, JSON.stringify(options), JSON.stringify(contours)] as const;
  const [sop, series] = await Promise.all(['instance', 'series'].map((what) => derivedUid(what, ...seed)));
  return encodeFile(
    {
      ...shared,
      SOPClassUID: STRUCTURE_SET_STORAGE,
      SOPInstanceUID: sop!,
      SeriesInstanceUID: series!,
      Modality: 'RTSTRUCT',
      OperatorsName: '',
      SeriesNumber: options.seriesNumber ?? 901,
      SeriesDescription: options.seriesDescription ?? options.algorithm ?? 'Structures',
      StructureSetLabel: (options.seriesDescription ?? 'Segmentation').slice(0, 16),
      StructureSetDate: when.date,
      StructureSetTime: when.time,
      ReferencedFrameOfReferenceSequence: [
        {
          FrameOfReferenceUID: frameOfReference,
          RTReferencedStudySequence: [
            {
              ReferencedSOPClassUID: DETACHED_STUDY,
              ReferencedSOPInstanceUID: shared.StudyInstanceUID!,
              RTReferencedSeriesSequence: [
                { SeriesInstanceUID: stack.series, ContourImageSequence: referencedInstances(slices) },
              ],
            },
          ],
        },
      ],
      StructureSetROISequence: options.segments.map((segment) => ({
        ROINumber: segment.label,
        ReferencedFrameOfReferenceUID: frameOfReference,
        ROIName: segment.name,
        ROIGenerationAlgorithm: options.automatic ?? 'AUTOMATIC',
      })),
      ROIContourSequence: contours,
      RTROIObservationsSequence: options.segments.map((segment, i) => ({
        ObservationNumber: i + 1,
        ReferencedROINumber: segment.label,
        RTROIInterpretedType: options.interpretedType ?? '',
        ROIInterpreter: '',
      })),
      ApprovalStatus: 'UNAPPROVED',
      // Contours of ragged shapes outgrow the 64 KiB that explicit VR allows.
    },
    { implicit: true },
  );
}
