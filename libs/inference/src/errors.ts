/** Errors of this library. Each carries a stable `code` and the fields that made it. */

/** A model folder that lacks something or contradicts itself; `details` names file and field. */
export class ModelError extends Error {
  readonly code = 'model';
  readonly details: Readonly<Record<string, unknown>>;
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ModelError';
    this.details = details;
  }
}

/** A case the model cannot be run on: channels, previous stage, window. */
export class PredictionError extends Error {
  readonly code = 'prediction';
  readonly details: Readonly<Record<string, unknown>>;
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PredictionError';
    this.details = details;
  }
}
