/** A prediction on a DICOM series as a DICOM segmentation object (PS3.3 A.51): one bit per voxel, a frame per segment and slice. */
import type { Volume } from '@voxelwise/volume';
import type { DicomStack } from '../series/scan.ts';
import { length, plus, unit } from '../series/vector.ts';
import {
  checkSegments,
  derivedContext,
  referencedImage,
  referencedInstances,
  segmentSlice,
} from '../write/derived-object.ts';
import type { DerivedOptions, SegmentDescription } from '../write/derived-object.ts';
import { encodeFile } from '../write/encode.ts';
import type { Content } from '../write/encode.ts';
import { derivedUid } from '../write/identity.ts';
import { TAG } from '../dataset/tags.ts';
import { cielab } from './cielab.ts';

const SEGMENTATION_STORAGE = '1.2.840.10008.5.1.4.1.1.66.4';
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

interface FrameOut {
  readonly segment: number;
  readonly slice: number;
  readonly mask: Uint8Array;
}

/** Frames packed bit after bit, first pixel in the lowest bit, across frame borders (PS3.5 8.1.1, annex D). */
function pack(frames: readonly FrameOut[], pixels: number): Uint8Array {
  const out = new Uint8Array(Math.ceil((frames.length * pixels) / 8));
  let bit = 0;
  for (const { mask } of frames)
    for (let i = 0; i < pixels; i++, bit++) if (mask[i] !== 0) out[bit >> 3]! |= 1 << (bit & 7);
  return out;
}

/**
 * Writes labels as a binary SEG file. Labels keep their numbers when these are 1, 2, 3, … in order; otherwise segments are
 * numbered in the order given. Empty slices are left out; a label with no voxel keeps its description.
 *
 * `labels`: [1, z, y, x] label numbers, or [segments, z, y, x] zeros and ones, on the stack's grid.
 * Throws: FormatError when the grid is not the stack's, or labels and descriptions do not match.
 */
export async function writeSegmentation(
  labels: Volume,
  stack: DicomStack,
  options: DerivedOptions,
): Promise<Uint8Array> {
  checkSegments(labels, options.segments);
  const { lattice, slices, shared, when } = await derivedContext(stack, labels, options);
  const frames: FrameOut[] = [];
  for (const [index, segment] of options.segments.entries())
    for (let slice = 0; slice < lattice.slices; slice++) {
      const mask = segmentSlice(labels, { segment, index, slice });
      if (mask !== undefined) frames.push({ segment: index + 1, slice, mask });
    }
  // The object must have a frame: an empty prediction is one empty slice.
  if (frames.length === 0) frames.push({ segment: 1, slice: 0, mask: new Uint8Array(lattice.rows * lattice.columns) });
  const pixels = pack(frames, lattice.rows * lattice.columns);
  const seed = [stack.series, JSON.stringify(options), pixels] as const;
  const [sop, series, dimension] = await Promise.all(
    ['instance', 'series', 'dimension'].map((what) => derivedUid(what, ...seed)),
  );
  const used = [...new Set(frames.map((f) => f.slice))].sort((a, b) => a - b);
  const position = (slice: number): readonly number[] => plus(lattice.origin, lattice.step, slice);
  return encodeFile({
    ...shared,
    SOPClassUID: SEGMENTATION_STORAGE,
    SOPInstanceUID: sop!,
    SeriesInstanceUID: series!,
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
    DimensionOrganizationSequence: [{ DimensionOrganizationUID: dimension! }],
    DimensionIndexSequence: [
      {
        DimensionOrganizationUID: dimension!,
        DimensionIndexPointer: [TAG.ReferencedSegmentNumber],
        FunctionalGroupPointer: [TAG.SegmentIdentificationSequence],
        DimensionDescriptionLabel: 'Segment number',
      },
      {
        DimensionOrganizationUID: dimension!,
        DimensionIndexPointer: [TAG.ImagePositionPatient],
        FunctionalGroupPointer: [TAG.PlanePositionSequence],
        DimensionDescriptionLabel: 'Slice position',
      },
    ],
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    NumberOfFrames: frames.length,
    Rows: lattice.rows,
    Columns: lattice.columns,
    BitsAllocated: 1,
    BitsStored: 1,
    HighBit: 0,
    PixelRepresentation: 0,
    LossyImageCompression: '00',
    BurnedInAnnotation: 'NO',
    SegmentationType: 'BINARY',
    ...(labels.channels.length > 1 ? {} : { SegmentsOverlap: 'NO' }),
    SegmentSequence: options.segments.map((segment, i) => segmentItem(segment, i + 1, options)),
    SharedFunctionalGroupsSequence: [
      {
        PlaneOrientationSequence: [
          { ImageOrientationPatient: [...unit(lattice.alongRow), ...unit(lattice.alongColumn)] },
        ],
        PixelMeasuresSequence: [
          {
            SliceThickness: length(lattice.step),
            SpacingBetweenSlices: length(lattice.step),
            PixelSpacing: [length(lattice.alongColumn), length(lattice.alongRow)],
          },
        ],
      },
    ],
    PerFrameFunctionalGroupsSequence: frames.map(({ segment, slice }) => ({
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
      FrameContentSequence: [{ DimensionIndexValues: [segment, used.indexOf(slice) + 1] }],
      PlanePositionSequence: [{ ImagePositionPatient: position(slice) }],
      SegmentIdentificationSequence: [{ ReferencedSegmentNumber: segment }],
    })),
    PixelData: pixels,
  });
}
