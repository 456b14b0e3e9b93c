/** Errors of this library. Each carries a stable `code` and the fields that made it. */

/** Models, predictions or files that cannot be chosen among, merged or post-processed together. */
export class EnsembleError extends Error {
  readonly code = 'ensemble';
  readonly details: Readonly<Record<string, unknown>>;
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EnsembleError';
    this.details = details;
  }
}
