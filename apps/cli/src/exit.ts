/** Exit codes and the errors that mean them. */

/**
 * 0 done · 1 a bug · 2 wrong usage · 3 bad input data · 4 refused for want of memory, disk or time · 5 interrupted, state saved ·
 * 141 nobody reads the output any more (128 + SIGPIPE, as shells count).
 */
export const EXIT = { done: 0, bug: 1, usage: 2, badInput: 3, resources: 4, interrupted: 5, brokenPipe: 141 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The command line was wrong. */
export class CommandUsageError extends Error {
  readonly code = 'usage';
  readonly details: Readonly<Record<string, unknown>>;
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = 'CommandUsageError';
    this.details = details;
  }
}

/** The data is at fault; `file` says where. */
export class InputError extends Error {
  readonly code: string;
  readonly file: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  constructor(
    code: string,
    message: string,
    file?: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'InputError';
    this.code = code;
    this.file = file;
    this.details = details;
  }
}

/** Memory, disk or time will not suffice; said before the work. */
export class ResourceError extends Error {
  readonly code = 'resources';
  readonly details: Readonly<Record<string, unknown>>;
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = 'ResourceError';
    this.details = details;
  }
}

/** SIGINT or SIGTERM came; what was done is saved. */
export class InterruptedError extends Error {
  readonly code = 'interrupted';
  constructor(message = 'interrupted; run the same command again to go on') {
    super(message);
    this.name = 'InterruptedError';
  }
}

/** Codes of library errors that blame the input, by class name. */
const INPUT_ERRORS = new Set([
  'InputError',
  'FormatError',
  'DatasetError',
  'GeometryError',
  'PlanError',
  'PreprocessingError',
  'TransformError',
  'FingerprintError',
  'SplitsError',
  'ModelError',
  'CheckpointError',
  'WeightsError',
  'LabelError',
  'MetricError',
  'MetricsError',
  'DicomError',
  'PlannerError',
  'EvaluationError',
  'EnsembleError',
  'TrainingError',
  'InferenceError',
  'NonFiniteLossError',
  'DivergenceError',
  'LabelsError',
  'ScoreError',
  'SummaryError',
  'JsonError',
  'PredictionError',
  'NetworkError',
  'ServerError',
]);
const RESOURCE_ERRORS = new Set(['ResourceError', 'OutOfMemoryError', 'BudgetError']);
/** What the system calls by a code, in words. */
const SYSTEM_MESSAGES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'may not be read or written; check its permissions',
  EPERM: 'may not be read or written; check its permissions',
  EISDIR: 'is a folder, where a file was expected',
  ENOTDIR: 'a part of this path is a file, where a folder was expected',
  EROFS: 'lies on a disk that is read-only; write elsewhere, with --workspace, --output or --out',
  ENOSPC: 'the disk is full; what was finished before is whole. Make room and run the same command again',
  EDQUOT: 'the disk quota is used up; what was finished before is whole. Make room and run the same command again',
};
const FULL_DISK_CODES = new Set(['ENOSPC', 'EDQUOT']);

export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof Error)) return EXIT.bug;
  if (error.name === 'InterruptedError' || error.name === 'AbortError') return EXIT.interrupted;
  if (error.name === 'CommandUsageError') return EXIT.usage;
  if (INPUT_ERRORS.has(error.name)) return EXIT.badInput;
  if (RESOURCE_ERRORS.has(error.name)) return EXIT.resources;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (FULL_DISK_CODES.has(code)) return EXIT.resources;
  if (Object.hasOwn(SYSTEM_MESSAGES, code)) return EXIT.badInput;
  return EXIT.bug;
}

/** The paragraph for a person: a library's own words, or what the system means by its code. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code = '', path, syscall } = error as NodeJS.ErrnoException;
  const said = Object.hasOwn(SYSTEM_MESSAGES, code) && exitCodeOf(error) !== EXIT.bug;
  // Errors with a code of the system's and a class of ours were written for people already.
  if (!said || error.constructor !== Error) return error.message;
  // So Node says that a folder on a read-only disk cannot be made.
  const meant = code === 'ENOENT' && syscall === 'mkdir' ? 'EROFS' : code;
  return path === undefined ? `${SYSTEM_MESSAGES[meant]}.` : `${path}: ${SYSTEM_MESSAGES[meant]}.`;
}
