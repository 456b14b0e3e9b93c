/** DICOM stacks to files by path, without the volume in between where that is possible. */
import type { DicomStack } from '../dicom/series/scan.ts';
import type { OpenStack, ReadStackOptions } from '../dicom/series/read-volume.ts';
import type { EncodeOptions } from '../formats/format.ts';
import { writeVolume } from './volume-path.ts';

/**
 * Writes a stack of slices as one volume; the ending of `path` chooses the format. A NIfTI file is written while the slices are
 * read: memory stays at a few of them, unless they must be resampled or have colors.
 *
 * Throws: FormatError for what `readStack` refuses and for endings that no format has.
 */
export async function writeStack(
  path: string,
  stack: DicomStack,
  options: ReadStackOptions & EncodeOptions = {},
): Promise<OpenStack> {
  // Loaded here: who reads volumes alone never waits for DICOM.
  const { Overflow, openStack } = await import('../dicom/index.ts');
  const opened = await openStack(stack, options);
  for (const stream of opened.streams)
    try {
      await writeVolume(path, stream, options);
      return opened;
    } catch (error) {
      if (!(error instanceof Overflow)) throw error;
    }
  await writeVolume(path, await opened.read(), options);
  return opened;
}
