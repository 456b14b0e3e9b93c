/** Our names of the residual encoder's parameters → nnU-Net's. */
import type { NetworkConfig } from '../../network-config.ts';

/**
 * `encoder.stem.conv.weight` → `encoder.stem.convs.0.conv.weight`; `….shortcut.conv.weight` → `….skip.1.conv.weight`, where
 * the index is 1 after an average pooling and 0 without one.
 */
export function residualEncoderName(ours: string, { strides }: NetworkConfig): string {
  const stem = ours.replace(/^encoder\.stem\./, 'encoder.stem.convs.0.');
  return stem.replace(
    /^(encoder\.stages\.(\d+)\.blocks\.(\d+))\.shortcut\./,
    (_, block: string, stage: string, index: string) => {
      const pooled = index === '0' && strides[Number(stage)]!.some((s) => s > 1);
      return `${block}.skip.${pooled ? 1 : 0}.`;
    },
  );
}
