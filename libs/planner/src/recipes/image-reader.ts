/** Which of nnU-Net's reader classes a plans file names. */
import type { DatasetJson } from '../dataset/dataset-json.ts';
import { PlanError } from '../errors.ts';

/** In the order the reference tries them. */
const READERS: readonly (readonly [string, readonly string[]])[] = [
  ['NaturalImage2DIO', ['.png', '.bmp', '.tif']],
  ['SimpleITKIO', ['.nii.gz', '.nrrd', '.mha', '.gipl']],
  ['Tiff3DIO', ['.tif', '.tiff']],
  ['NibabelIO', ['.nii', '.nii.gz']],
];

const TURNING_READER = 'NibabelIOWithReorient';

/** Whether a reader turns images to RAS before anything else is done, and segmentations back. */
export function turnsToCanonical(reader: string): boolean {
  return reader === TURNING_READER;
}

/**
 * The class for a data set: its own choice, or else the first that knows its file ending and can read such images: a
 * .tif of several slices is not one for the 2D reader. Throws: PlanError.
 */
export function imageReaderWriter(dataset: DatasetJson, medianShape: readonly number[]): string {
  const overwrite = dataset.overwrite_image_reader_writer;
  if (overwrite !== undefined && overwrite !== 'None') {
    const known = [...READERS.map(([name]) => name), TURNING_READER];
    if (known.includes(overwrite)) return overwrite;
    throw new PlanError(
      `plan: "overwrite_image_reader_writer" names ${overwrite}, which is not here; known are ${known.join(', ')}.`,
      { reader: overwrite, known },
    );
  }
  const ending = dataset.file_ending.toLowerCase();
  const flat = medianShape[0] === 1;
  const found = READERS.find(([name, endings]) => endings.includes(ending) && (flat || name !== 'NaturalImage2DIO'));
  if (found !== undefined) return found[0];
  throw new PlanError(
    `plan: no reader of the reference knows "${dataset.file_ending}" for ${flat ? '2D' : '3D'} images; name one in "overwrite_image_reader_writer". Known endings: ${[...new Set(READERS.flatMap(([, e]) => e))].join(' ')}.`,
    { file_ending: dataset.file_ending },
  );
}
