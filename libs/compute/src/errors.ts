/** Errors of this library. Each carries a stable `code` and the fields that made it. */

class ComputeError extends Error {
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

/** Shapes that do not fit together; the message names both. */
export class ShapeError extends ComputeError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super('ShapeError', 'shape', message, details, options);
  }
}

/** A dtype that an operation does not take, or a mix of dtypes. */
export class DTypeError extends ComputeError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super('DTypeError', 'dtype', message, details, options);
  }
}

/** A device that is missing, lost, mixed with another, or has no kernel for an operation. */
export class DeviceError extends ComputeError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super('DeviceError', 'device', message, details, options);
  }

  /** Whether the device is gone for good, with all that was on it; a new one can go on. */
  get lost(): boolean {
    return this.details['lost'] === true;
  }
}

/** More memory was asked for than the device has: says what was asked, what is free, what would fit. */
export class OutOfMemoryError extends ComputeError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super('OutOfMemoryError', 'out-of-memory', message, details, options);
  }
}

/** A tensor used after it was disposed, or a backward pass without a tape. */
export class UsageError extends ComputeError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super('UsageError', 'usage', message, details, options);
  }
}
