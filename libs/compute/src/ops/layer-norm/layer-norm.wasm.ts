/** Layer normalization and its gradient on the WASM device. */
import {
  float,
  int,
  pointer,
  scratchPointer,
  type KernelArgument,
  type KernelCall,
  type LoweringContext,
  type WasmView,
} from '../../devices/wasm/kernel.ts';
import { sizeOf } from '../../tensor/spec.ts';

/** Rows whose sums are taken together, fixed in the kernel. */
const BLOCK = 256;

const optional = (view: WasmView | undefined): KernelArgument => (view === undefined ? int(0) : pointer(view));

export function lowerLayerNorm({
  inputs: { x, scale, shift },
  outputs: [y, moments],
  options,
}: LoweringContext<{ readonly epsilon: number }>): readonly KernelCall[] {
  return [
    {
      kernel: 'layer_norm',
      args: [
        pointer(x!),
        optional(scale),
        optional(shift),
        pointer(y!),
        pointer(moments!),
        int(sizeOf(x!.shape.slice(0, -1))),
        int(x!.shape.at(-1)!),
        float(options.epsilon),
      ],
    },
  ];
}

export function lowerLayerNormGradient({
  inputs: { x, scale, dy, moments },
  outputs: [dx, dscale, dshift],
  scratch,
}: LoweringContext<unknown>): readonly KernelCall[] {
  const rows = sizeOf(x!.shape.slice(0, -1));
  const features = x!.shape.at(-1)!;
  const blocks = Math.ceil(rows / BLOCK);
  const sums = scratchPointer(scratch(blocks * 2 * Math.ceil(features / 4) * 16));
  return [
    {
      kernel: 'layer_norm_gradient',
      args: [
        pointer(x!),
        optional(scale),
        pointer(dy!),
        pointer(moments!),
        pointer(dx!),
        sums,
        int(rows),
        int(features),
      ],
    },
    { kernel: 'layer_norm_sums', args: [sums, pointer(dscale!), pointer(dshift!), int(blocks), int(features)] },
  ];
}
