/** What the data doctor finds. */
import { GeometryError } from '@voxelwise/volume';
import type { IssueCode } from '../dicom/series/issue.ts';
import { DatasetError, FormatError } from '../errors.ts';

export type FaultCode =
  | 'unreadable'
  | 'missing-image'
  | 'missing-label'
  | 'label-without-image'
  | 'image-without-label'
  | 'unlisted-file'
  | 'junk-file'
  | 'case-count'
  | 'labels-not-consecutive'
  | 'label-never-used'
  | 'channel-count'
  | 'channel-shape'
  | 'channel-spacing'
  | 'channel-position'
  | 'channels-exchanged'
  | 'spacing-unit'
  | 'label-turned'
  | 'labels-exchanged'
  | 'label-shape'
  | 'label-spacing'
  | 'label-position'
  | 'label-4d'
  | 'label-fractional'
  | 'label-unexpected'
  | 'label-not-finite'
  | 'label-lossy'
  | 'label-empty'
  | 'masks-overlap'
  | 'mask-oddity'
  | 'image-not-finite'
  | 'image-constant'
  | 'image-outlier'
  | 'modality-intensity'
  | 'duplicate-image'
  | 'duplicate-label'
  | 'file-oddity'
  | 'no-cases'
  | 'description';

/** One finding. An error would break or spoil a training; a warning is for a person to judge. */
export interface Fault {
  readonly severity: 'error' | 'warning';
  /** Of a data set, or of a DICOM series. */
  readonly code: FaultCode | IssueCode;
  readonly file: string;
  /** What was expected, what came, by how much. */
  readonly message: string;
  /** What to do. */
  readonly fix: string;
  readonly case?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A file or description that could not be read, as a fault. Other errors are thrown on. */
export function faultOf(error: unknown, file: string, caseId?: string): Fault {
  if (!(error instanceof FormatError || error instanceof DatasetError || error instanceof GeometryError)) throw error;
  return {
    severity: 'error',
    code: error instanceof DatasetError ? 'description' : 'unreadable',
    file,
    message: error.message,
    fix:
      error instanceof DatasetError
        ? 'Repair the description of the data set.'
        : 'Fetch the file again or take the case out of the data set.',
    ...(caseId === undefined ? {} : { case: caseId }),
    details: { ...placeOf(error), ...error.details },
  };
}

/** Where in the file a format's fault lies. */
function placeOf(error: Error): Readonly<Record<string, unknown>> {
  if (!(error instanceof FormatError)) return {};
  const { field, byteOffset } = error;
  return { ...(field === undefined ? {} : { field }), ...(byteOffset === undefined ? {} : { byteOffset }) };
}
