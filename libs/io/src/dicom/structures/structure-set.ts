/** An RT structure set (PS3.3 A.19) as data: regions of interest and their contours in patient coordinates. */
import type { DataSet } from '../dataset/dataset.ts';
import type { DicomFile } from '../dataset/parse.ts';
import { TAG } from '../dataset/tags.ts';
import { referencedSeries } from '../segmentation/referenced-series.ts';

export interface Contour {
  /** CLOSED_PLANAR, OPEN_PLANAR, POINT, … as written. */
  readonly type: string;
  /** x, y, z of each point, one after the other: LPS millimeters. */
  readonly points: readonly number[];
  /** SOPInstanceUIDs of the images it was drawn on. */
  readonly images: readonly string[];
}

export interface Region {
  readonly number: number;
  readonly name: string;
  readonly interpretedType: string | undefined;
  readonly frameOfReference: string | undefined;
  readonly contours: readonly Contour[];
}

export interface StructureSet {
  readonly file: DicomFile;
  readonly label: string;
  readonly regions: readonly Region[];
  readonly framesOfReference: readonly string[];
  readonly referencedSeries: readonly string[];
  /** Numbers that contours refer to and no region has. */
  readonly unknownRegions: readonly number[];
}

function contoursOf(item: DataSet): Contour[] {
  return item.items(TAG.ContourSequence).map((contour) => {
    const points = contour.numbers(TAG.ContourData);
    if (points.length % 3 !== 0)
      throw contour.fault(TAG.ContourData, `holds ${points.length} numbers, not a multiple of three.`, {
        numbers: points.length,
      });
    const stated = contour.number(TAG.NumberOfContourPoints);
    if (stated !== undefined && stated !== points.length / 3)
      throw contour.fault(
        TAG.ContourData,
        `holds ${points.length / 3} points, NumberOfContourPoints says ${stated}; the file is damaged.`,
        { expected: stated, found: points.length / 3 },
      );
    return {
      type: contour.string(TAG.ContourGeometricType) ?? 'CLOSED_PLANAR',
      points,
      images: contour.items(TAG.ContourImageSequence).flatMap((i) => i.string(TAG.ReferencedSOPInstanceUID) ?? []),
    };
  });
}

/** Reads a structure set. Throws: FormatError when it is none, or is cut off. */
export function readStructureSet(file: DicomFile): StructureSet {
  const d = file.dataset;
  if (d.string(TAG.Modality) !== 'RTSTRUCT' || !d.has(TAG.StructureSetROISequence))
    throw d.fault(
      TAG.Modality,
      `expected an RT structure set, came modality "${d.string(TAG.Modality) ?? ''}"${d.has(TAG.StructureSetROISequence) ? '' : ' without regions of interest'}.`,
    );
  if (d.truncatedAt !== undefined)
    throw d.fault(
      TAG.ROIContourSequence,
      `the file ends at byte ${d.truncatedAt}, inside the structure set; contours are missing.`,
    );
  // A region's contours may be spread over several items.
  const byNumber = new Map<number, DataSet[]>();
  for (const item of d.items(TAG.ROIContourSequence)) {
    const number = item.required(TAG.ReferencedROINumber);
    byNumber.set(number, [...(byNumber.get(number) ?? []), item]);
  }
  const types = new Map(
    d
      .items(TAG.RTROIObservationsSequence)
      .map((item) => [item.number(TAG.ReferencedROINumber), item.string(TAG.RTROIInterpretedType)]),
  );
  const regions = d.items(TAG.StructureSetROISequence).map((item): Region => {
    const number = item.required(TAG.ROINumber);
    return {
      number,
      name: item.text(TAG.ROIName) ?? `ROI ${number}`,
      interpretedType: types.get(number),
      frameOfReference: item.string(TAG.ReferencedFrameOfReferenceUID),
      contours: (byNumber.get(number) ?? []).flatMap(contoursOf),
    };
  });
  return {
    file,
    label: d.text(TAG.StructureSetLabel) ?? '',
    regions,
    unknownRegions: [...byNumber.keys()].filter((number) => regions.every((region) => region.number !== number)),
    framesOfReference: d
      .items(TAG.ReferencedFrameOfReferenceSequence)
      .flatMap((item) => item.string(TAG.FrameOfReferenceUID) ?? []),
    referencedSeries: referencedSeries(file),
  };
}
