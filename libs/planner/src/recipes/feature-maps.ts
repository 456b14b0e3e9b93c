/**
 * nnU-Net's stand-in for GPU memory: how many feature-map values a network makes for one patch.
 *
 * It is what the reference's plans are made with, not our prediction of memory on our own devices.
 * Source: dynamic-network-architectures, `compute_conv_feature_map_size`.
 */

/** The part of a network its feature maps depend on. Lists: one entry per stage, full resolution first. */
export interface NetworkLayout {
  readonly kind: 'PlainConvUNet' | 'ResidualEncoderUNet';
  readonly strides: readonly (readonly number[])[];
  readonly features: readonly number[];
  /** Convolutions (plain) or residual blocks per encoder stage. */
  readonly encoder: readonly number[];
  /** Convolutions per decoder stage, lowest resolution first. */
  readonly decoder: readonly number[];
  readonly outputChannels: number;
}

/** Values per patch, without deep supervision; input channels do not matter. */
export function featureMapValues(network: NetworkLayout, patch: readonly number[]): number {
  const { kind, strides, features, encoder, decoder, outputChannels } = network;
  const sizes: number[] = [];
  strides.reduce((size, stride) => {
    const next = size.map((n, axis) => Math.floor(n / stride[axis]!));
    sizes.push(product(next));
    return next;
  }, patch);
  const residual = kind === 'ResidualEncoderUNet';
  let values = residual ? features[0]! * product(patch) : 0;
  for (const [i, size] of sizes.entries()) {
    const map = features[i]! * size;
    values += (residual ? 2 : 1) * encoder[i]! * map;
    const changes = features[Math.max(i - 1, 0)] !== features[i] || strides[i]!.some((s) => s !== 1);
    if (residual && changes) values += map;
  }
  const last = sizes.length - 1;
  for (let i = last - 1; i >= 0; i--) values += (decoder[last - 1 - i]! + 1) * features[i]! * sizes[i]!;
  // A network of one stage has no decoder, and in the reference's count no output.
  return last === 0 ? values : values + outputChannels * sizes[0]!;
}

function product(values: readonly number[]): number {
  return values.reduce((a, b) => a * b, 1);
}
