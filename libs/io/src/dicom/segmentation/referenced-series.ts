/** Which images a segmentation or structure set was made on. */
import type { DicomFile } from '../dataset/parse.ts';
import { TAG } from '../dataset/tags.ts';

/** SeriesInstanceUIDs that a SEG names at its top (PS3.3 C.12.2), or an RTSTRUCT per frame of reference and study (C.8.8.5). */
export function referencedSeries({ dataset }: DicomFile): readonly string[] {
  const structures = dataset
    .items(TAG.ReferencedFrameOfReferenceSequence)
    .flatMap((frame) => frame.items(TAG.RTReferencedStudySequence))
    .flatMap((study) => study.items(TAG.RTReferencedSeriesSequence));
  return [...dataset.items(TAG.ReferencedSeriesSequence), ...structures].flatMap(
    (series) => series.string(TAG.SeriesInstanceUID) ?? [],
  );
}
