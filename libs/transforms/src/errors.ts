/** Errors of this library. Each carries a stable `code` and the fields that made it. */

/** A transform that cannot be configured so, or cannot be applied to the case that came. */
export class TransformError extends Error {
  readonly code: string = 'transform';
  readonly details: Readonly<Record<string, unknown>>;
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TransformError';
    this.details = details;
  }
}
