/** A CT series made on the spot, and the same packed by other toolkits: what the DICOM benches read. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SIZE = 512;

/** Signed 16-bit slices of a body in air, noise in the lowest four bits. */
function* slicesOf(count) {
  let noise = 1;
  for (let k = 0; k < count; k++) {
    const pixels = new Int16Array(SIZE * SIZE);
    for (let j = 0; j < SIZE; j++)
      for (let i = 0; i < SIZE; i++) {
        noise = (Math.imul(noise, 1103515245) + 12345) & 0x7fffffff;
        const body = (i - 256) ** 2 + (j - 256) ** 2 < 200 ** 2;
        pixels[j * SIZE + i] = (body ? 1040 + 30 * Math.sin(i / 20 + k / 9) : 0) + ((noise >> 16) & 15);
      }
    yield new Uint8Array(pixels.buffer);
  }
}

const image = {
  SOPClassUID: '1.2.840.10008.5.1.4.1.1.2',
  StudyInstanceUID: '1.2.826.0.1.98',
  SeriesInstanceUID: '1.2.826.0.1.97',
  FrameOfReferenceUID: '1.2.826.0.1.96',
  Modality: 'CT',
  Manufacturer: 'GE MEDICAL SYSTEMS',
  PatientID: 'P',
  PatientName: 'P',
  StudyDate: '20200101',
  StudyTime: '000000',
  SeriesNumber: 3,
  ImageType: ['ORIGINAL', 'PRIMARY', 'AXIAL'],
  SamplesPerPixel: 1,
  PhotometricInterpretation: 'MONOCHROME2',
  Rows: SIZE,
  Columns: SIZE,
  BitsAllocated: 16,
  BitsStored: 16,
  HighBit: 15,
  PixelRepresentation: 1,
};
const orientation = [1, 0, 0, 0, 1, 0];
const position = (k) => [-180, -180, k * 1.25];
const measures = { PixelSpacing: [0.703125, 0.703125], SliceThickness: 1.25 };

/** Writes a series of one file per slice. `slope`: RescaleSlope. Built libraries are needed. */
export async function writeSeries(folder, { slices, slope = 1 }) {
  const { encodeFile } = await import('@voxelwise/io/dicom');
  mkdirSync(folder, { recursive: true });
  let k = 0;
  for (const PixelData of slicesOf(slices)) {
    const content = {
      ...image,
      ...measures,
      SOPInstanceUID: `1.2.826.0.1.99.${k + 1}`,
      InstanceNumber: k + 1,
      ImagePositionPatient: position(k),
      ImageOrientationPatient: orientation,
      RescaleIntercept: -1024,
      RescaleSlope: slope,
      PixelData,
    };
    writeFileSync(join(folder, `${k}.dcm`), encodeFile(content));
    k++;
  }
}

/** Writes the same slices as the frames of one Enhanced CT object. */
export async function writeMultiframe(folder, { slices }) {
  const { encodeFile } = await import('@voxelwise/io/dicom');
  mkdirSync(folder, { recursive: true });
  const PixelData = new Uint8Array(slices * SIZE * SIZE * 2);
  let k = 0;
  for (const pixels of slicesOf(slices)) PixelData.set(pixels, k++ * pixels.length);
  const content = {
    ...image,
    SOPClassUID: '1.2.840.10008.5.1.4.1.1.2.1',
    SOPInstanceUID: '1.2.826.0.1.99.1',
    InstanceNumber: 1,
    NumberOfFrames: slices,
    SharedFunctionalGroupsSequence: [
      {
        PixelMeasuresSequence: [measures],
        PlaneOrientationSequence: [{ ImageOrientationPatient: orientation }],
        PixelValueTransformationSequence: [{ RescaleIntercept: -1024, RescaleSlope: 1 }],
      },
    ],
    PerFrameFunctionalGroupsSequence: Array.from({ length: slices }, (_, frame) => ({
      PlanePositionSequence: [{ ImagePositionPatient: position(frame) }],
    })),
    PixelData,
  };
  writeFileSync(join(folder, 'frames.dcm'), encodeFile(content));
}

/** Packs every file of a folder into another with a toolkit's program; false where that is not installed. */
export function repack(from, to, [program, ...options]) {
  if (spawnSync('which', [program]).status !== 0) return false;
  mkdirSync(to, { recursive: true });
  for (const file of readdirSync(from))
    execFileSync(program, [...options, join(from, file), join(to, file)], { stdio: ['ignore', 'ignore', 'ignore'] });
  return true;
}
