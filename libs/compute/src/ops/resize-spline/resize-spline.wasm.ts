/** Per channel: planes, then depth. A separate axis other than z is turned to the front and back. */
import { int, pointer, scratchPointer, type KernelArgument, type KernelCall, type WasmKernel } from '../../devices/wasm/kernel.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { permuteCall } from '../reindex/reindex.wasm.ts';
import type { ResizeSplineOptions } from './resize-spline.ts';

export const wasm: WasmKernel<ResizeSplineOptions> = {
  lower: ({ inputs, outputs: [y], options: { shape, order, separateAxis }, threads, scratch }) => {
    const x = inputs['x']!;
    const channels = x.shape[0]!;
    const [source, target] = [x.shape.slice(1), [...shape]];
    // The slice axis goes first; the others keep their order.
    const turn = separateAxis > 0 ? [separateAxis, ...[0, 1, 2].filter((axis) => axis !== separateAxis)] : [0, 1, 2];
    const from = turn.map((axis) => source[axis]!);
    const to = turn.map((axis) => target[axis]!);
    const [nz, ny, nx] = from as [number, number, number];
    const [mz, my, mx] = to as [number, number, number];
    const wide = Math.ceil(mx / 16) * 16;
    const mid = scratch(nz * my * wide * 8);
    const ranges = scratch(nz * 16);
    const perPart = Math.max((Math.max(nx, ny) + 4) * 128 + mx * 64 + ny * wide * 8, (nz + 4) * 128 + mz * 128);
    const work = scratch(perPart * threads);
    const turned = separateAxis > 0 ? { x: scratch(sizeOf(from) * 4), y: scratch(sizeOf(to) * 4) } : undefined;
    const calls: KernelCall[] = [];
    for (let c = 0; c < channels; c++) {
      let input: KernelArgument = pointer(x, c * sizeOf(from) * 4);
      const output = pointer(y!, c * sizeOf(to) * 4);
      if (turned) {
        calls.push(permuteCall(input, scratchPointer(turned.x), source, turn));
        input = scratchPointer(turned.x);
      }
      const slices = separateAxis >= 0 ? 1 : 0;
      calls.push(
        {
          kernel: 'resize_spline_planes',
          args: [input, scratchPointer(mid), scratchPointer(ranges), scratchPointer(work), int(perPart), ...[nz, ny, nx, my, mx, wide, order, slices].map(int)],
        },
        {
          kernel: 'resize_spline_depth',
          args: [scratchPointer(mid), turned ? scratchPointer(turned.y) : output, scratchPointer(ranges), scratchPointer(work), int(perPart), ...[nz, mz, my, mx, wide, slices ? 0 : order, 1 - slices].map(int)],
        },
      );
      if (turned) calls.push(permuteCall(scratchPointer(turned.y), output, to, [0, 1, 2].map((axis) => turn.indexOf(axis))));
    }
    return calls;
  },
};
