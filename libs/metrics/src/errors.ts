/** Errors of this library. Each carries a stable `code` and the fields that made it. */

class MetricsError extends Error {
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;
  constructor(
    name: string,
    code: string,
    message: string,
    details: Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = name;
    this.code = code;
    this.details = details;
  }
}

/** Label maps or settings that cannot be scored against each other. */
export class ScoreError extends MetricsError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super('ScoreError', 'score', message, details, options);
  }
}

/** A summary file that is not one. */
export class SummaryError extends MetricsError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super('SummaryError', 'summary', message, details, options);
  }
}
