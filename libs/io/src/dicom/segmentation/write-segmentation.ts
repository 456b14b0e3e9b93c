/** A prediction on a DICOM series as a DICOM segmentation object (PS3.3 A.51, A.117). */
import type { Volume } from '@voxelwise/volume';
import { Groups } from '../series/plane.ts';
import type { DicomStack } from '../series/scan.ts';
import { cross, dot, length, median, minus, unit } from '../series/vector.ts';
import { checkSegments, derivedContext, referencedImage, referencedInstances } from '../write/derived-object.ts';
import type { DerivedContext, DerivedOptions, SegmentDescription } from '../write/derived-object.ts';
import { encodeFile } from '../write/encode.ts';
import type { Content } from '../write/encode.ts';
import { derivedUid } from '../write/identity.ts';
import { TAG } from '../dataset/tags.ts';
import { cielab } from './cielab.ts';
import { WHOLE, binaryFrames, fractionalFrames, labelMapFrames } from './stored-frames.ts';
import type { StoredFrame, StoredFrames } from './stored-frames.ts';

const SEGMENTATION_STORAGE = '1.2.840.10008.5.1.4.1.1.66.4';
const LABEL_MAP_STORAGE = '1.2.840.10008.5.1.4.1.1.66.7';
const TISSUE = ['85756007', 'SCT', 'Tissue'] as const;

const code = ([value, scheme, meaning]: readonly [string, string, string]): Content => ({
  CodeValue: value,
  CodingSchemeDesignator: scheme,
  CodeMeaning: meaning,
});

function segmentItem(
  segment: SegmentDescription,
  number: number,
  { algorithm = 'Voxelwise', automatic = 'AUTOMATIC' }: DerivedOptions,
): Content {
  return {
    SegmentNumber: number,
    SegmentLabel: segment.name,
    SegmentAlgorithmType: automatic,
    ...(automatic === 'MANUAL' ? {} : { SegmentAlgorithmName: algorithm }),
    SegmentedPropertyCategoryCodeSequence: [code(segment.category ?? TISSUE)],
    SegmentedPropertyTypeCodeSequence: [code(segment.type ?? TISSUE)],
    ...(segment.color === undefined ? {} : { RecommendedDisplayCIELabValue: cielab(segment.color) }),
  };
}

export interface SegmentationWriteOptions extends DerivedOptions {
  /**
   * How voxels are stored: `binary`, a bit for each segment; `labelmap`, one number per voxel (PS3.3 A.117, which younger readers know);
   * `probability` or `occupancy`, fractions of each segment.
   */
  readonly form?: 'binary' | 'labelmap' | 'probability' | 'occupancy';
}

/** What a label map calls the voxels of no segment. */
const background: Content = {
  SegmentNumber: 0,
  SegmentLabel: 'Background',
  SegmentAlgorithmType: 'MANUAL',
  SegmentedPropertyCategoryCodeSequence: [code(['309825002', 'SCT', 'Spatial and Relational Concept'])],
  SegmentedPropertyTypeCodeSequence: [code(['125040', 'DCM', 'Background'])],
};

/** The pixels, and the attributes that differ from one form to another. */
function stored(
  labels: Volume,
  options: SegmentationWriteOptions,
): StoredFrames & { readonly sopClass: string; readonly own: Content } {
  const { segments, form = 'binary' } = options;
  if (form === 'labelmap')
    return {
      ...labelMapFrames(labels, segments),
      sopClass: LABEL_MAP_STORAGE,
      own: {
        SegmentationType: 'LABELMAP',
        SegmentsOverlap: 'NO',
        PixelPaddingValue: 0,
        SegmentSequence: [background, ...segments.map((segment) => segmentItem(segment, segment.label, options))],
      },
    };
  const own: Content = { SegmentSequence: segments.map((segment, i) => segmentItem(segment, i + 1, options)) };
  const sopClass = SEGMENTATION_STORAGE;
  if (form === 'binary') {
    const apart: Content = labels.channels.length > 1 ? {} : { SegmentsOverlap: 'NO' };
    return { ...binaryFrames(labels, segments), sopClass, own: { ...own, ...apart, SegmentationType: 'BINARY' } };
  }
  const fractional: Content = {
    SegmentationType: 'FRACTIONAL',
    SegmentationFractionalType: form.toUpperCase(),
    MaximumFractionalValue: WHOLE,
  };
  return { ...fractionalFrames(labels, segments), sopClass, own: { ...own, ...fractional } };
}

/** Frames are indexed by segment, where each is of one, and by slice. */
function dimensions(organization: string, bySegment: boolean): readonly Content[] {
  const segment: Content = {
    DimensionOrganizationUID: organization,
    DimensionIndexPointer: [TAG.ReferencedSegmentNumber],
    FunctionalGroupPointer: [TAG.SegmentIdentificationSequence],
    DimensionDescriptionLabel: 'Segment number',
  };
  const slice: Content = {
    DimensionOrganizationUID: organization,
    DimensionIndexPointer: [TAG.ImagePositionPatient],
    FunctionalGroupPointer: [TAG.PlanePositionSequence],
    DimensionDescriptionLabel: 'Slice position',
  };
  return bySegment ? [segment, slice] : [slice];
}

/** What tells a frame's place and whose it is. `used`: the slices that have frames, by their place in the order of slices. */
function frameItem(
  { segment, slice }: StoredFrame,
  { corners, slices }: DerivedContext,
  used: readonly number[],
): Content {
  const position = used[slice]!;
  return {
    DerivationImageSequence: [
      {
        SourceImageSequence: [
          {
            ...referencedImage(slices[slice]!),
            PurposeOfReferenceCodeSequence: [code(['121322', 'DCM', 'Source image for image processing operation'])],
          },
        ],
        DerivationCodeSequence: [code(['113076', 'DCM', 'Segmentation'])],
      },
    ],
    FrameContentSequence: [{ DimensionIndexValues: segment === undefined ? [position] : [segment + 1, position] }],
    PlanePositionSequence: [{ ImagePositionPatient: corners[slice]! }],
    ...(segment === undefined ? {} : { SegmentIdentificationSequence: [{ ReferencedSegmentNumber: segment + 1 }] }),
  };
}

/** How thick slices are as the images say it, and how far apart they lie along their normal. */
function pixelMeasures({ lattice, corners, header }: DerivedContext): Content {
  const { alongRow, alongColumn, step } = lattice;
  const steps = corners.length > 1 ? corners.slice(1).map((corner, k) => minus(corner, corners[k]!)) : [step];
  const normal = unit(cross(alongRow, alongColumn));
  const apart = Math.abs(median(steps.map((v) => dot(v, normal))));
  const [thickness = 0] = new Groups(header, 0).numbers(TAG.PixelMeasuresSequence, TAG.SliceThickness);
  return {
    SliceThickness: thickness > 0 ? thickness : apart,
    SpacingBetweenSlices: apart,
    PixelSpacing: [length(alongColumn), length(alongRow)],
  };
}

/**
 * Writes labels as a SEG file. Empty slices are left out; a label with no voxel keeps its description. In a label map labels keep their
 * numbers; otherwise segments are numbered 1, 2, 3, … in the order given, as the standard has it.
 *
 * `labels`: [1, z, y, x] label numbers, or [segments, z, y, x] zeros and ones, on the stack's grid, or on that which `onTilt: 'shear'` or
 * `onUneven: 'resample'` makes of it; for `probability` and `occupancy` intensities, [segments, z, y, x] from 0 to 1.
 * Throws: FormatError when the grid is not the stack's, or labels and descriptions do not match.
 */
export async function writeSegmentation(
  labels: Volume,
  stack: DicomStack,
  options: SegmentationWriteOptions,
): Promise<Uint8Array> {
  const { form = 'binary' } = options;
  checkSegments(labels, options, form === 'probability' || form === 'occupancy');
  const context = await derivedContext(stack, labels, options);
  const { lattice, slices, shared, when } = context;
  const { frames, pixels, bits, sopClass, own } = stored(context.labels, options);
  const seed = [stack.series, JSON.stringify(options), pixels] as const;
  const [sop, series, organization] = await Promise.all(
    ['instance', 'series', 'dimension'].map((what) => derivedUid(what, ...seed)),
  );
  const used: number[] = [];
  [...new Set(frames.map((f) => f.slice))].sort((a, b) => a - b).forEach((slice, i) => (used[slice] = i + 1));
  return encodeFile({
    ...shared,
    ...own,
    SOPClassUID: sopClass,
    SOPInstanceUID: sop!,
    SeriesInstanceUID: series!,
    FrameOfReferenceUID: stack.instances[0]!.frameOfReference ?? (await derivedUid('frame of reference', stack.series)),
    Modality: 'SEG',
    ImageType: ['DERIVED', 'PRIMARY'],
    SeriesNumber: options.seriesNumber ?? 900,
    SeriesDescription: options.seriesDescription ?? options.algorithm ?? 'Segmentation',
    ContentLabel: 'SEGMENTATION',
    ContentDescription: 'Segmentation',
    ContentCreatorName: 'Voxelwise^Model',
    ContentDate: when.date,
    ContentTime: when.time,
    ReferencedSeriesSequence: [
      { SeriesInstanceUID: stack.series, ReferencedInstanceSequence: referencedInstances(slices) },
    ],
    DimensionOrganizationSequence: [{ DimensionOrganizationUID: organization! }],
    DimensionIndexSequence: dimensions(organization!, form !== 'labelmap'),
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    NumberOfFrames: frames.length,
    Rows: lattice.rows,
    Columns: lattice.columns,
    BitsAllocated: bits,
    BitsStored: bits,
    HighBit: bits - 1,
    PixelRepresentation: 0,
    ...context.lossy,
    BurnedInAnnotation: 'NO',
    SharedFunctionalGroupsSequence: [
      {
        PlaneOrientationSequence: [
          { ImageOrientationPatient: [...unit(lattice.alongRow), ...unit(lattice.alongColumn)] },
        ],
        PixelMeasuresSequence: [pixelMeasures(context)],
      },
    ],
    PerFrameFunctionalGroupsSequence: frames.map((frame) => frameItem(frame, context, used)),
    PixelData: pixels,
  });
}
