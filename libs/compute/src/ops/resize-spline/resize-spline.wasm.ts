/** Per channel: planes, then depth. A separate axis other than z is turned to the front and back. */
import {
  int,
  pointer,
  scratchPointer,
  type KernelArgument,
  type KernelCall,
  type ScratchBuffer,
  type WasmKernel,
} from '../../devices/wasm/kernel.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { permuteCall } from '../reindex/reindex.wasm.ts';
import type { ResizeSplineOptions } from './resize-spline.ts';

export const wasm: WasmKernel<ResizeSplineOptions> = {
  lower: ({ inputs, outputs: [y], options, threads, scratch }) => {
    const x = inputs['x']!;
    const from = x.shape.slice(1);
    const work = resizeScratch(from, options, threads, scratch);
    return Array.from({ length: x.shape[0]! }, (_, c) =>
      resizeCalls(work, pointer(x, c * sizeOf(from) * 4), pointer(y!, c * sizeOf(options.shape) * 4), from, options),
    ).flat();
  },
};

/** Memory for one channel at a time. */
export interface ResizeScratch {
  readonly mid: ScratchBuffer;
  readonly ranges: ScratchBuffer;
  readonly blocks: ScratchBuffer;
  readonly bytesPerPart: number;
  readonly turned: { readonly x: ScratchBuffer; readonly y: ScratchBuffer } | undefined;
}

/** The slice axis goes first; the others keep their order. */
function turnOf(separateAxis: number): number[] {
  return separateAxis > 0 ? [separateAxis, ...[0, 1, 2].filter((axis) => axis !== separateAxis)] : [0, 1, 2];
}

function sizes(
  source: readonly number[],
  { shape, separateAxis }: ResizeSplineOptions,
): { from: number[]; to: number[]; wide: number } {
  const turn = turnOf(separateAxis);
  const to = turn.map((axis) => shape[axis]!);
  return { from: turn.map((axis) => source[axis]!), to, wide: Math.ceil(to[2]! / 16) * 16 };
}

export function resizeScratch(
  source: readonly number[],
  options: ResizeSplineOptions,
  threads: number,
  scratch: (bytes: number) => ScratchBuffer,
): ResizeScratch {
  const { from, to, wide } = sizes(source, options);
  const [nz, ny, nx] = from as [number, number, number];
  const [mz, my, mx] = to as [number, number, number];
  const bytesPerPart = Math.max((Math.max(nx, ny) + 4) * 128 + mx * 64 + ny * wide * 8, (nz + 4) * 128 + mz * 128);
  return {
    mid: scratch(nz * my * wide * 8),
    ranges: scratch(nz * 16),
    blocks: scratch(bytesPerPart * threads),
    bytesPerPart,
    turned: options.separateAxis > 0 ? { x: scratch(sizeOf(from) * 4), y: scratch(sizeOf(to) * 4) } : undefined,
  };
}

/** The calls that resize one channel of shape `source`. */
export function resizeCalls(
  work: ResizeScratch,
  x: KernelArgument,
  y: KernelArgument,
  source: readonly number[],
  options: ResizeSplineOptions,
): KernelCall[] {
  const { from, to, wide } = sizes(source, options);
  const [nz, ny, nx] = from as [number, number, number];
  const [mz, my, mx] = to as [number, number, number];
  const { order, separateAxis } = options;
  const turn = turnOf(separateAxis);
  const slices = separateAxis >= 0 ? 1 : 0;
  const memory = [scratchPointer(work.ranges), scratchPointer(work.blocks), int(work.bytesPerPart)];
  const input = work.turned ? scratchPointer(work.turned.x) : x;
  const output = work.turned ? scratchPointer(work.turned.y) : y;
  const calls: KernelCall[] = [
    {
      kernel: 'resize_spline_planes',
      args: [input, scratchPointer(work.mid), ...memory, ...[nz, ny, nx, my, mx, wide, order, slices].map(int)],
    },
    {
      kernel: 'resize_spline_depth',
      args: [
        scratchPointer(work.mid),
        output,
        ...memory,
        ...[nz, mz, my, mx, wide, slices ? 0 : order, 1 - slices].map(int),
      ],
    },
  ];
  if (!work.turned) return calls;
  return [
    permuteCall(x, input, source, turn),
    ...calls,
    permuteCall(
      output,
      y,
      to,
      [0, 1, 2].map((axis) => turn.indexOf(axis)),
    ),
  ];
}
