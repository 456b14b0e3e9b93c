/**
 * Lowers instance normalization: moments of fixed blocks of voxels (unless a convolution has left them), joined in order, then one
 * pass to apply.
 */
import {
  float,
  int,
  MOMENTS_BYTES,
  pointer,
  scratchPointer,
  type KernelArgument,
  type KernelCall,
  type LoweringContext,
  type WasmView,
} from '../../devices/wasm/kernel.ts';
import { sizeOf } from '../../tensor/spec.ts';

interface Settings {
  readonly epsilon: number;
  readonly slope: number;
}

/** Voxels per partial sum: as in the kernels. */
const SUM_BLOCK = 1024;

const optional = (view: WasmView | undefined): KernelArgument => (view === undefined ? int(0) : pointer(view));

function sizesOf(x: WasmView): { samples: number; channels: number; voxels: number; rows: number; sums: number } {
  const [samples, channels, ...space] = x.shape as [number, number, ...number[]];
  const voxels = sizeOf(space);
  const rows = samples * Math.ceil(channels / 8);
  return { samples, channels, voxels, rows, sums: rows * Math.ceil(voxels / SUM_BLOCK) * 64 };
}

export function lowerInstanceNorm(context: LoweringContext<Settings>): KernelCall[] {
  const { x, scale, shift } = context.inputs;
  const moments = context.outputs[1];
  const { epsilon, slope } = context.options;
  const { samples, channels, voxels, rows } = sizesOf(x!);
  const left = context.momentsOf(x!);
  const perRow = left?.perRow ?? Math.ceil(voxels / SUM_BLOCK);
  const records = scratchPointer(left?.records ?? context.scratch(rows * perRow * MOMENTS_BYTES));
  const factors = context.scratch(rows * 64);
  const sizes = [int(samples), int(channels)];
  const store = (to: WasmView): KernelCall => ({
    kernel: 'norm_apply',
    args: [pointer(x!), pointer(to), scratchPointer(factors), int(rows), int(voxels), float(slope)],
  });
  const sums: KernelCall = { kernel: 'norm_sums', args: [pointer(x!), records, int(rows), int(voxels)] };
  return [
    ...(left ? [] : [sums]),
    { kernel: 'norm_moments', args: [records, int(perRow), pointer(moments!), ...sizes, float(epsilon)] },
    {
      kernel: 'norm_factors',
      args: [pointer(moments!), optional(scale), optional(shift), scratchPointer(factors), ...sizes],
    },
    ...context.defer({ from: x!, factors, slope, store }),
  ];
}

export function lowerInstanceNormGradient(context: LoweringContext<Settings>): KernelCall[] {
  const { x, scale, shift, dy, moments, dmoments } = context.inputs;
  const [dx, dscale, dshift] = context.outputs;
  const { samples, channels, voxels, rows, sums } = sizesOf(x!);
  const partial = scratchPointer(context.scratch(sums));
  const factors = scratchPointer(context.scratch(rows * 128));
  const slope = float(context.options.slope);
  return [
    {
      kernel: 'norm_gradient_factors',
      args: [optional(scale), optional(shift), pointer(moments!), factors, int(samples), int(channels)],
    },
    {
      kernel: 'norm_gradient_sums',
      args: [pointer(x!), pointer(dy!), factors, partial, int(rows), int(voxels), slope],
    },
    {
      kernel: 'norm_gradient_join',
      args: [
        partial,
        factors,
        pointer(dscale!),
        pointer(dshift!),
        optional(dmoments),
        int(samples),
        int(channels),
        int(voxels),
      ],
    },
    {
      kernel: 'norm_gradient_apply',
      args: [pointer(x!), pointer(dy!), pointer(dx!), factors, partial, int(rows), int(voxels), slope],
    },
  ];
}
