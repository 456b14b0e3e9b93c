/**
 * The table of pointwise operations: name, function, WGSL expression. A row of two inputs broadcasts; `p` and `q` are the
 * row's parameters, taken from its options.
 */
import { erf } from './erf.ts';

export interface PointwiseRow<R> {
  readonly name: string;
  /** Kernel of the WASM build: `pointwise_<kernel>`. */
  readonly kernel: string;
  /** The definition. Rows of one input ignore b. */
  f(a: number, b: number, options: R): number;
  /** The same in WGSL, of `a`, `b`, `p`, `q`; may call what pointwise.wgsl brings: erf, power, logarithm, either (NaN wins). */
  readonly wgsl: string;
  readonly defaults: R;
  /** p and q from the options. */
  parameters?(options: R): readonly [number, number];
  /** Whether 0 (and 0, 0) gives 0, so that the padding channels of a blocked tensor stay zero. */
  readonly keepsZero: boolean;
  /** How inputs of test cases are drawn. */
  readonly fill?: 'normal' | 'positive';
  /** No derivative by design (comparisons). */
  readonly flat?: boolean;
  /** Reason in the row's comment. Default 2e-6. */
  readonly tolerance?: number;
}

const none = {};
const inverseRoot2 = Math.SQRT1_2;
const inverseRoot2Pi = 1 / Math.sqrt(2 * Math.PI);
const both = (test: boolean): number => (test ? 1 : 0);
const either = (a: number, b: number, pick: (a: number, b: number) => number): number =>
  Number.isNaN(a) || Number.isNaN(b) ? NaN : pick(a, b);

export const ADD = {
  name: 'add',
  kernel: 'add',
  f: (a: number, b: number) => a + b,
  wgsl: 'a + b',
  defaults: none,
  keepsZero: true,
};
export const SUB = {
  name: 'sub',
  kernel: 'sub',
  f: (a: number, b: number) => a - b,
  wgsl: 'a - b',
  defaults: none,
  keepsZero: true,
};
export const MUL = {
  name: 'mul',
  kernel: 'mul',
  f: (a: number, b: number) => a * b,
  wgsl: 'a * b',
  defaults: none,
  keepsZero: true,
};
export const DIV = {
  name: 'div',
  kernel: 'div',
  f: (a: number, b: number) => a / b,
  wgsl: 'a / b',
  defaults: none,
  keepsZero: false,
  fill: 'positive' as const,
};
export const MINIMUM = {
  name: 'minimum',
  kernel: 'minimum',
  f: (a: number, b: number) => either(a, b, Math.min),
  wgsl: 'either(a, b, min(a, b))',
  defaults: none,
  keepsZero: true,
};
export const MAXIMUM = {
  name: 'maximum',
  kernel: 'maximum',
  f: (a: number, b: number) => either(a, b, Math.max),
  wgsl: 'either(a, b, max(a, b))',
  defaults: none,
  keepsZero: true,
};
export const LESS = {
  name: 'less',
  kernel: 'less',
  f: (a: number, b: number) => both(a < b),
  wgsl: 'select(0.0, 1.0, a < b)',
  defaults: none,
  keepsZero: true,
  flat: true,
};
export const EQUAL = {
  name: 'equal',
  kernel: 'equal',
  f: (a: number, b: number) => both(a === b),
  wgsl: 'select(0.0, 1.0, a == b)',
  defaults: none,
  keepsZero: false,
  flat: true,
};
/** The tolerance is WebGPU's, which computes exp2(b log2 a): the error of the logarithm grows with the exponent. */
export const POW = {
  name: 'pow',
  kernel: 'pow',
  f: (a: number, b: number) => a ** b,
  wgsl: 'power(a, b)',
  defaults: none,
  keepsZero: false,
  fill: 'positive' as const,
  tolerance: 1e-5,
};

// Gradients: a is what the forward kernel kept, b is dy; where a is no number, dy passes.
export const RELU_GRADIENT = {
  name: 'reluGradient',
  kernel: 'relu_gradient',
  f: (a: number, b: number) => (a <= 0 ? 0 : b),
  wgsl: 'select(b, 0.0, a <= 0.0)',
  defaults: none,
  keepsZero: true,
};
export const LEAKY_RELU_GRADIENT = {
  name: 'leakyReluGradient',
  kernel: 'leaky_relu_gradient',
  f: (a: number, b: number, { slope }: { slope: number }) => (a > 0 ? b : slope * b),
  wgsl: 'select(p * b, b, a > 0.0)',
  defaults: { slope: 0.01 },
  parameters: ({ slope }: { slope: number }) => [slope, 0] as const,
  keepsZero: true,
};
export const SIGMOID_GRADIENT = {
  name: 'sigmoidGradient',
  kernel: 'sigmoid_gradient',
  f: (a: number, b: number) => b * a * (1 - a),
  wgsl: 'b * a * (1.0 - a)',
  defaults: none,
  keepsZero: true,
};
export const TANH_GRADIENT = {
  name: 'tanhGradient',
  kernel: 'tanh_gradient',
  f: (a: number, b: number) => b * (1 - a * a),
  wgsl: 'b * (1.0 - a * a)',
  defaults: none,
  keepsZero: true,
};
export const GELU_GRADIENT = {
  name: 'geluGradient',
  kernel: 'gelu_gradient',
  f: (a: number, b: number) => b * (0.5 * (1 + erf(a * inverseRoot2)) + a * inverseRoot2Pi * Math.exp(-0.5 * a * a)),
  wgsl: `b * (0.5 * (1.0 + erf(a * ${inverseRoot2})) + a * ${inverseRoot2Pi} * exp(-0.5 * a * a))`,
  defaults: none,
  keepsZero: true,
};
export const ABS_GRADIENT = {
  name: 'absGradient',
  kernel: 'abs_gradient',
  f: (a: number, b: number) => (a > 0 ? b : a < 0 ? -b : a === 0 ? 0 : b),
  wgsl: 'select(select(select(b, 0.0, a == 0.0), -b, a < 0.0), b, a > 0.0)',
  defaults: none,
  keepsZero: true,
};
interface Range {
  low: number;
  high: number;
}
export const CLAMP_GRADIENT = {
  name: 'clampGradient',
  kernel: 'clamp_gradient',
  f: (a: number, b: number, { low, high }: Range) => (a < low || a > high ? 0 : b),
  wgsl: 'select(b, 0.0, a < p || a > q)',
  defaults: { low: 0, high: 1 },
  parameters: ({ low, high }: Range) => [low, high] as const,
  keepsZero: true,
};

export const NEG = { name: 'neg', kernel: 'neg', f: (a: number) => -a, wgsl: '-a', defaults: none, keepsZero: true };
export const EXP = {
  name: 'exp',
  kernel: 'exp',
  f: (a: number) => Math.exp(a),
  wgsl: 'either(a, a, exp(a))',
  defaults: none,
  keepsZero: false,
};
export const LOG = {
  name: 'log',
  kernel: 'log',
  f: (a: number) => Math.log(a),
  wgsl: 'logarithm(a)',
  defaults: none,
  keepsZero: false,
  fill: 'positive' as const,
};
export const SQRT = {
  name: 'sqrt',
  kernel: 'sqrt',
  f: (a: number) => Math.sqrt(a),
  wgsl: 'either(a, a, sqrt(a))',
  defaults: none,
  keepsZero: true,
  fill: 'positive' as const,
};
export const SQUARE = {
  name: 'square',
  kernel: 'square',
  f: (a: number) => a * a,
  wgsl: 'a * a',
  defaults: none,
  keepsZero: true,
};
export const ABS = {
  name: 'abs',
  kernel: 'abs',
  f: (a: number) => Math.abs(a),
  wgsl: 'abs(a)',
  defaults: none,
  keepsZero: true,
};
export const RELU = {
  name: 'relu',
  kernel: 'relu',
  f: (a: number) => Math.max(a, 0),
  wgsl: 'select(a, 0.0, a < 0.0)',
  defaults: none,
  keepsZero: true,
};
export const LEAKY_RELU = {
  name: 'leakyRelu',
  kernel: 'leaky_relu',
  f: (a: number, _b: number, { slope }: { slope: number }) => (a < 0 ? slope * a : a),
  wgsl: 'select(a, p * a, a < 0.0)',
  defaults: { slope: 0.01 },
  parameters: ({ slope }: { slope: number }) => [slope, 0] as const,
  keepsZero: true,
};
export const SIGMOID = {
  name: 'sigmoid',
  kernel: 'sigmoid',
  f: (a: number) => 1 / (1 + Math.exp(-a)),
  wgsl: 'either(a, a, 1.0 / (1.0 + exp(-a)))',
  defaults: none,
  keepsZero: false,
};
export const TANH = {
  name: 'tanh',
  kernel: 'tanh',
  f: (a: number) => Math.tanh(a),
  wgsl: 'either(a, a, tanh(clamp(a, -15.0, 15.0)))',
  defaults: none,
  keepsZero: true,
};
/** The exact form, x Φ(x). */
export const GELU = {
  name: 'gelu',
  kernel: 'gelu',
  f: (a: number) => 0.5 * a * (1 + erf(a * inverseRoot2)),
  wgsl: `0.5 * a * (1.0 + erf(a * ${inverseRoot2}))`,
  defaults: none,
  keepsZero: true,
};
export const CLAMP = {
  name: 'clamp',
  kernel: 'clamp',
  f: (a: number, _b: number, { low, high }: Range) => Math.min(Math.max(a, low), high),
  wgsl: 'either(a, a, clamp(a, p, q))',
  defaults: { low: 0, high: 1 },
  parameters: ({ low, high }: Range) => [low, high] as const,
  keepsZero: false,
};
interface Line {
  scale: number;
  offset: number;
}
export const SCALE_OFFSET = {
  name: 'scaleOffset',
  kernel: 'scale_offset',
  f: (a: number, _b: number, { scale, offset }: Line) => a * scale + offset,
  wgsl: 'a * p + q',
  defaults: { scale: 1, offset: 0 },
  parameters: ({ scale, offset }: Line) => [scale, offset] as const,
  keepsZero: false,
};
/** x to a fixed power; the tolerance as for pow. */
export const POWER = {
  name: 'power',
  kernel: 'power',
  f: (a: number, _b: number, { exponent }: { exponent: number }) => a ** exponent,
  wgsl: 'power(a, p)',
  defaults: { exponent: 1 },
  parameters: ({ exponent }: { exponent: number }) => [exponent, 0] as const,
  keepsZero: false,
  fill: 'positive' as const,
  tolerance: 1e-5,
};
