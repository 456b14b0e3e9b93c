/** What attention may be told. */

export interface AttentionOptions {
  /** Default (null): 1 / sqrt(d). */
  readonly scale: number | null;
}

export interface AttentionGradientOptions extends AttentionOptions {
  /** Whether the bias gets a gradient, as a fourth output. */
  readonly biasGradient: boolean;
}

export function scaleOf({ scale }: AttentionOptions, d: number): number {
  return scale ?? 1 / Math.sqrt(d);
}
