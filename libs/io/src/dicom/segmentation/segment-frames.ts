/** A DICOM segmentation object (PS3.3 A.51, A.117) as its frames: which segment, which plane, which pixels. */
import type { VoxelArray } from '@voxelwise/volume';
import { FormatError } from '../../errors.ts';
import type { DicomFile } from '../dataset/parse.ts';
import { TAG } from '../dataset/tags.ts';
import { openFrames } from '../pixels/frames.ts';
import { pixelFormat, pixelShortage } from '../pixels/pixel-format.ts';
import type { PixelFormat } from '../pixels/pixel-format.ts';
import { imageInstance } from '../series/instance.ts';
import type { Plane } from '../series/plane.ts';
import { referencedSeries } from './referenced-series.ts';

export interface Segment {
  readonly number: number;
  readonly label: string;
  readonly algorithm: string;
  readonly description: string | undefined;
}

export interface SegmentFrame {
  readonly index: number;
  /** Segment this frame belongs to; undefined in label maps, whose pixel values are segment numbers. */
  readonly segment: number | undefined;
  /** Undefined when the object states no place for the frame. */
  readonly plane: Plane | undefined;
  /** SOPInstanceUIDs of the images this frame was derived from. */
  readonly sources: readonly string[];
}

export interface SegmentationObject {
  readonly file: DicomFile;
  readonly type: 'BINARY' | 'FRACTIONAL' | 'LABELMAP';
  readonly segments: readonly Segment[];
  readonly frames: readonly SegmentFrame[];
  readonly format: PixelFormat;
  /** Pixel value that stands for 1 in fractional objects. */
  readonly maximum: number;
  /** Label map value that belongs to no segment, where stated. */
  readonly padding: number | undefined;
  /** Millimeters between slices, and their thickness, as stated. */
  readonly sliceSpacing: number | undefined;
  readonly sliceThickness: number | undefined;
  readonly frameOfReference: string | undefined;
  readonly referencedSeries: readonly string[];
  /** Pixel values of one frame. */
  read(index: number): Promise<VoxelArray>;
}

const positive = (value: number | undefined): number | undefined =>
  value !== undefined && value > 0 ? value : undefined;

function segmentsOf(file: DicomFile): Segment[] {
  return file.dataset.items(TAG.SegmentSequence).map((item) => ({
    number: item.required(TAG.SegmentNumber),
    label: item.text(TAG.SegmentLabel) ?? '',
    algorithm: item.string(TAG.SegmentAlgorithmType) ?? '',
    description: item.text(TAG.SegmentDescription),
  }));
}

/** Opens a segmentation object. Throws: FormatError when it is none, or its frames are not described. */
export async function openSegmentation(file: DicomFile): Promise<SegmentationObject> {
  const d = file.dataset;
  const type = d.string(TAG.SegmentationType) ?? '';
  if (type !== 'BINARY' && type !== 'FRACTIONAL' && type !== 'LABELMAP')
    throw d.fault(
      TAG.SegmentationType,
      `expected a segmentation of type BINARY, FRACTIONAL or LABELMAP, came "${type}".`,
      { type },
    );
  if (d.truncatedAt !== undefined)
    throw d.fault(TAG.PixelData, `the file ends at byte ${d.truncatedAt}, before its pixel data.`);
  const format = pixelFormat(file);
  const shortage = pixelShortage(file, format);
  if (shortage !== undefined)
    throw d.fault(
      TAG.PixelData,
      `${shortage.expected} bytes of pixel data are needed, ${shortage.found} are there.`,
      shortage,
    );
  if (format.samples !== 1)
    throw d.fault(TAG.SamplesPerPixel, `a segmentation has one sample per pixel, came ${format.samples}.`);
  const segments = segmentsOf(file);
  const known = new Set(segments.map((s) => s.number));
  if (known.size !== segments.length) throw d.fault(TAG.SegmentSequence, 'two segments have the same number.');
  const shared = d.items(TAG.SharedFunctionalGroupsSequence)[0];
  const perFrame = d.items(TAG.PerFrameFunctionalGroupsSequence);
  if (perFrame.length !== format.frames)
    throw d.fault(
      TAG.PerFrameFunctionalGroupsSequence,
      `describes ${perFrame.length} frames, the object has ${format.frames}.`,
    );
  const frames = imageInstance(file).frames.map((info, index): SegmentFrame => {
    const group = perFrame[index]!;
    const segment = (
      group.first(TAG.SegmentIdentificationSequence) ?? shared?.first(TAG.SegmentIdentificationSequence)
    )?.number(TAG.ReferencedSegmentNumber);
    if (type !== 'LABELMAP' && (segment === undefined || !known.has(segment)))
      throw d.fault(
        TAG.PerFrameFunctionalGroupsSequence,
        `frame ${index + 1} names segment ${segment ?? 'none'}, the object describes ${[...known].join(', ')}.`,
        { frame: index },
      );
    const derivation =
      (group.items(TAG.DerivationImageSequence).length > 0 ? group : shared)?.items(TAG.DerivationImageSequence) ?? [];
    const sources = derivation.flatMap((item) =>
      item.items(TAG.SourceImageSequence).flatMap((s) => s.string(TAG.ReferencedSOPInstanceUID) ?? []),
    );
    return { index, segment, plane: info.plane, sources };
  });
  const reader = await openFrames(file, format);
  const measures = shared?.first(TAG.PixelMeasuresSequence) ?? perFrame[0]?.first(TAG.PixelMeasuresSequence);
  const maximum = type === 'FRACTIONAL' ? d.required(TAG.MaximumFractionalValue) : 1;
  if (!(maximum > 0))
    throw new FormatError(`${file.name}: MaximumFractionalValue must be positive, came ${maximum}.`, {
      file: file.name,
      field: 'MaximumFractionalValue',
    });
  return {
    file,
    type,
    segments,
    frames,
    format,
    maximum,
    padding: d.number(TAG.PixelPaddingValue),
    sliceSpacing: positive(measures?.number(TAG.SpacingBetweenSlices)),
    sliceThickness: positive(measures?.number(TAG.SliceThickness)),
    frameOfReference: d.string(TAG.FrameOfReferenceUID),
    referencedSeries: referencedSeries(file),
    read: async (index) => (await reader.read(index)).values,
  };
}
