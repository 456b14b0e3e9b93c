/** Our names of the plain encoder's parameters → nnU-Net's. */

/** `encoder.stages.2.blocks.1.norm.weight` → `encoder.stages.2.0.convs.1.norm.weight`. */
export function plainEncoderName(ours: string): string {
  return ours.replace(/^(encoder\.stages\.\d+)\.blocks\.(\d+)\./, '$1.0.convs.$2.');
}
