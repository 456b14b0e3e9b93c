/** Errors of this library. Each carries a stable `code` and the fields that made it. */

/** A grid, affine or spacing that cannot mean what it claims. */
export class GeometryError extends Error {
  readonly code = 'geometry';
  readonly details: Readonly<Record<string, unknown>>;
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'GeometryError';
    this.details = details;
  }
}

/** Text that is not the JSON it claims to be; `details` holds line and column. */
export class JsonError extends Error {
  readonly code = 'json';
  readonly details: Readonly<Record<string, unknown>>;
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'JsonError';
    this.details = details;
  }
}
