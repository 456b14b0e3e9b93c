/** What a series of slices has that a volume must not, told slice by slice. */
import { FormatError } from '../../errors.ts';

export type IssueCode =
  | 'damaged-file'
  | 'duplicate-slice'
  | 'guessed-mosaic'
  | 'missing-slice'
  | 'mixed-acquisitions'
  | 'mixed-frames-of-reference'
  | 'mixed-pixels'
  | 'mixed-size'
  | 'mixed-spacing'
  | 'no-geometry'
  | 'not-a-volume'
  | 'off-line-slice'
  | 'repaired-orientation'
  | 'repeated-positions'
  | 'resampled-slices'
  | 'same-file-twice'
  | 'tilt'
  | 'truncated-file'
  | 'two-slices'
  | 'uneven-spacing'
  | 'untold-mosaic'
  | 'zero-slope';

export interface Issue {
  readonly code: IssueCode;
  /** `refuse`: no volume is made unless the caller asks for a remedy. `warn`: the volume is right, but look. */
  readonly severity: 'refuse' | 'warn';
  readonly message: string;
  readonly files: readonly string[];
  readonly details: Readonly<Record<string, unknown>>;
}

export function issue(
  severity: Issue['severity'],
  code: IssueCode,
  message: string,
  { files = [], details = {} }: { files?: readonly string[]; details?: Readonly<Record<string, unknown>> } = {},
): Issue {
  return { code, severity, message, files, details };
}

/** One error that tells all reasons; `details.issues` holds them in full. */
export function refusal(what: string, issues: readonly Issue[]): FormatError {
  const listed = issues
    .slice(0, 8)
    .map((i) => i.message)
    .join(' ');
  const more = issues.length > 8 ? ` And ${issues.length - 8} more.` : '';
  const file = issues[0]?.files[0];
  const byteOffset = issues[0]?.details['byteOffset'];
  return new FormatError(`${what} is not one volume: ${listed}${more}`, {
    ...(file === undefined ? {} : { file }),
    field: issues[0]?.code ?? 'geometry',
    ...(typeof byteOffset === 'number' ? { byteOffset } : {}),
    details: { kind: issues[0]?.code, issues },
  });
}
