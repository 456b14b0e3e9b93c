/** Errors of this library. Each carries a stable `code` and the fields that made it. */

/** Settings, cases or a saved state that training cannot go on with; `details` names them. */
export class TrainingError extends Error {
  readonly code = 'training';
  readonly details: Readonly<Record<string, unknown>>;
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TrainingError';
    this.details = details;
  }
}

/** The loss, or a weight, is no longer a number; `details` holds step, layer, cases and patches. */
export class DivergenceError extends Error {
  readonly code = 'divergence';
  readonly details: Readonly<Record<string, unknown>>;
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DivergenceError';
    this.details = details;
  }
}

/** A budget no training fits in. */
export class BudgetError extends Error {
  readonly code = 'budget';
  readonly details: Readonly<Record<string, unknown>>;
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BudgetError';
    this.details = details;
  }
}
