/** Errors of this library. Each carries a stable `code` and the fields that made it. */

class PlannerError extends Error {
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

/** A plans file, configuration or setting that is missing, wrong or contradicts another. */
export class PlanError extends PlannerError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super('PlanError', 'plan', message, details, options);
  }
}

/** A data set no fingerprint can be taken of, or a fingerprint file that is wrong. */
export class FingerprintError extends PlannerError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super('FingerprintError', 'fingerprint', message, details, options);
  }
}

/** Declared labels that contradict each other. */
export class LabelsError extends PlannerError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super('LabelsError', 'labels', message, details, options);
  }
}

/** Folds that cannot be made, or that name cases the data set does not have. */
export class SplitsError extends PlannerError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super('SplitsError', 'splits', message, details, options);
  }
}
