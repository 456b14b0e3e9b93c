/** DICOM series made on the spot: any orientation, spacing, tilt and fault, for tests. */
import { memorySource } from '../dataset/dicom-source.ts';
import type { DicomSource } from '../dataset/dicom-source.ts';
import { plus, times } from '../series/vector.ts';
import type { Vector } from '../series/vector.ts';
import { encodeFile } from '../write/encode.ts';
import type { Content } from '../write/encode.ts';

export interface SyntheticSeries {
  readonly rows: number;
  readonly columns: number;
  readonly slices: number;
  readonly row?: Vector;
  readonly column?: Vector;
  /** From slice to slice, mm. */
  readonly step?: Vector;
  readonly origin?: Vector;
  /** Millimeters between rows, and between columns. */
  readonly spacing?: readonly [number, number];
  /** Stored value of a pixel; by default a number of its own. */
  readonly value?: (column: number, row: number, slice: number) => number;
  /** Changes or additions to the header of a slice; `undefined` leaves the slice out. */
  readonly edit?: (content: Content, slice: number) => Content | undefined;
}

/** One file per slice, in an order that is not theirs. */
export function syntheticSeries(series: SyntheticSeries): DicomSource[] {
  const {
    rows,
    columns,
    slices,
    row = [1, 0, 0],
    column = [0, 1, 0],
    step = [0, 0, 1],
    origin = [0, 0, 0],
    spacing = [1, 1],
  } = series;
  const value = series.value ?? ((i, j, k) => (k * rows + j) * columns + i);
  const files: DicomSource[] = [];
  for (let n = 0; n < slices; n++) {
    const k = (n * 7 + 3) % slices;
    const slice = slices % 7 === 0 ? n : k;
    const pixels = new Uint16Array(rows * columns);
    for (let j = 0; j < rows; j++) for (let i = 0; i < columns; i++) pixels[j * columns + i] = value(i, j, slice);
    const content: Content = {
      SOPClassUID: '1.2.840.10008.5.1.4.1.1.4',
      SOPInstanceUID: `1.2.3.4.${slice + 1}`,
      StudyInstanceUID: '1.2.3.1',
      SeriesInstanceUID: '1.2.3.2',
      FrameOfReferenceUID: '1.2.3.3',
      Modality: 'MR',
      PatientID: 'synthetic',
      PatientName: 'Synthetic^Patient',
      PatientBirthDate: '',
      PatientSex: 'O',
      StudyDate: '20200102',
      StudyTime: '030405',
      StudyID: '1',
      AccessionNumber: '',
      ReferringPhysicianName: '',
      PositionReferenceIndicator: '',
      InstanceNumber: slices - slice,
      ImagePositionPatient: plus(origin, times(step, slice)),
      ImageOrientationPatient: [...row, ...column],
      PixelSpacing: spacing,
      SamplesPerPixel: 1,
      PhotometricInterpretation: 'MONOCHROME2',
      Rows: rows,
      Columns: columns,
      BitsAllocated: 16,
      BitsStored: 16,
      HighBit: 15,
      PixelRepresentation: 0,
      PixelData: new Uint8Array(pixels.buffer),
    };
    const edited = series.edit === undefined ? content : series.edit(content, slice);
    if (edited !== undefined) files.push(memorySource(`slice ${slice}`, encodeFile(edited)));
  }
  return files;
}
