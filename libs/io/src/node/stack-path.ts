/** DICOM stacks to files by path, without the volume in between where that is possible. */
import { dicomFolder } from '../dicom/node-files.ts';
import type { DicomScan, DicomStack, OpenStack, ReadStackOptions } from '../dicom/series/index.ts';
import type { EncodeOptions } from '../formats/format.ts';
import { writeVolume } from './volume-path.ts';

/** Loaded when it is used: who reads volumes alone never waits for DICOM. */
const series = (): Promise<typeof import('../dicom/series/index.ts')> => import('../dicom/series/index.ts');

/** What lies in a folder, or is the one file, sorted into stacks: `scanDicom` of `dicomFolder`, and quicker to load. */
export async function scanFolder(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<DicomScan> {
  const { scanDicom } = await series();
  return scanDicom(dicomFolder(path), options);
}

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
  const { Overflow, openStack } = await series();
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
