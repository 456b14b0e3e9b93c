/** Which images a segmentation or structure set was made on. */
import type { DicomFile } from '../dataset/parse.ts';
import { TAG } from '../dataset/tags.ts';
import type { DicomStack } from '../series/scan.ts';

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

/** The stack among some that masks belong to: of a series that they name, or else the only one in their frame of reference. */
export function imagesOf(masks: DicomFile, stacks: readonly DicomStack[]): DicomStack | undefined {
  const series = referencedSeries(masks);
  const named = stacks.find((stack) => series.includes(stack.series));
  if (named !== undefined) return named;
  const { dataset } = masks;
  const frames = [dataset, ...dataset.items(TAG.ReferencedFrameOfReferenceSequence)].flatMap(
    (item) => item.string(TAG.FrameOfReferenceUID) ?? [],
  );
  const alike = stacks.filter(({ instances: [first] }) => frames.includes(first!.frameOfReference ?? ''));
  return alike.length === 1 ? alike[0] : undefined;
}
