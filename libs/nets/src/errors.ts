/** Errors of this library. Each carries a stable `code` and the fields that made it. */

/** A network description that cannot be built; `details` names the field. */
export class NetworkError extends Error {
  readonly code = 'network';
  readonly details: Readonly<Record<string, unknown>>;
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NetworkError';
    this.details = details;
  }
}

/** Weights that do not belong to the network they are loaded into; `details` holds the names and both shapes. */
export class WeightsError extends Error {
  readonly code = 'weights';
  readonly details: Readonly<Record<string, unknown>>;
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'WeightsError';
    this.details = details;
  }
}
