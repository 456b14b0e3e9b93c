/**
 * Separable convolution with given symmetric or plain taps, per channel and axis: y[i] = Σ taps[k] · x[i + k - floor(K / 2)].
 * Channels with null come back unchanged. Beyond the ends: `reflect` (without repeating the edge), `symmetric` (repeating
 * it), `edge`, `zeros`; a line shorter than the reach is folded as often as needed.
 *
 * Shape: f32 [C, z, y, x] -> the same. An axis with one tap of 1 is skipped.
 */
import { defineOp } from '../../op/op.ts';
import { float, int, pointer, scratchPointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { expectVolume } from '../voxel-shape.ts';
import { sources } from './sources.ts';
import { webgpu } from './blur.webgpu.ts';

export interface BlurOptions {
  /** Per channel: taps along z, y and x; null: leave the channel. */
  readonly channels: readonly (readonly (readonly number[])[] | null)[];
  readonly boundary: 'reflect' | 'symmetric' | 'edge' | 'zeros';
}

const isIdentity = (taps: readonly number[]): boolean => taps.length === 1 && taps[0] === 1;

const reference: ReferenceKernel<{ x: Tensor }, BlurOptions> = ({ x }, { channels, boundary }, [y]) => {
  const space = x.shape.slice(1);
  const voxels = space[0]! * space[1]! * space[2]!;
  channels.forEach((perAxis, c) => {
    let data = Float64Array.from(x.data.subarray(c * voxels, (c + 1) * voxels));
    perAxis?.forEach((taps, axis) => {
      const n = space[axis]!;
      const inner = space.slice(axis + 1).reduce((a, b) => a * b, 1);
      const reach = taps.length >> 1;
      const table = sources(n, reach, boundary);
      data = data.map((_, v) => {
        const i = Math.floor(v / inner) % n;
        return taps.reduce((sum, tap, k) => {
          const from = table[i + k]!;
          return from < 0 ? sum : sum + tap * data[v + (from - i) * inner]!;
        }, 0);
      });
    });
    y!.data.set(data, c * voxels);
  });
};

const wasm: WasmKernel<BlurOptions> = {
  lower: ({ inputs: { x }, outputs: [y], options: { channels, boundary }, threads, scratch }) => {
    const [nz, ny, nx] = x!.shape.slice(1) as [number, number, number];
    const bytes = nz * ny * nx * 4;
    const between = scratch(bytes);
    const longest = Math.max(1, ...channels.flatMap((perAxis) => perAxis?.map((taps) => taps.length) ?? []));
    const lineBytes = (nx + longest + 8) * 4;
    const perPart = ny * nx * 4 + lineBytes;
    const work = scratch(perPart * threads);
    return channels.flatMap((perAxis, c) => {
      if (perAxis === null || perAxis.every(isIdentity))
        return [{ kernel: 'blur_copy', args: [pointer(x!, c * bytes), pointer(y!, c * bytes), int(nz * ny * nx)] }];
      const [tz, ty, tx] = perAxis as [number[], number[], number[]];
      const axis = (n: number, taps: readonly number[]) => [
        int(taps.length),
        { words: taps.map(float) },
        { words: [...sources(n, taps.length >> 1, boundary)].map(int) },
      ];
      const deep = !isIdentity(tz);
      return [
        {
          kernel: 'blur_planes',
          args: [
            pointer(x!, c * bytes),
            deep ? scratchPointer(between) : pointer(y!, c * bytes),
            scratchPointer(work),
            int(perPart),
            int(nz),
            int(ny),
            int(nx),
            ...axis(ny, ty),
            ...axis(nx, tx),
          ],
        },
        ...(deep
          ? [
              {
                kernel: 'blur_depth',
                args: [scratchPointer(between), pointer(y!, c * bytes), int(nz), int(ny), int(nx), ...axis(nz, tz)],
              },
            ]
          : []),
      ];
    });
  },
};

export const blur = defineOp<{ x: Tensor }, BlurOptions>({
  name: 'blur',
  defaults: { channels: [], boundary: 'reflect' },
  shape: ({ x }, { channels }) => {
    expectVolume('blur', 'x', x, 'f32');
    if (
      channels.length !== x.shape[0] ||
      channels.some(
        (perAxis) => perAxis !== null && (perAxis.length !== 3 || perAxis.some((taps) => taps.length === 0)),
      )
    )
      throw new ShapeError(
        `blur: expects for each of ${x.shape[0]} channels null or taps along three axes, came ${JSON.stringify(channels)}.`,
        { channels },
      );
    return { shape: x.shape, dtype: 'f32' };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    ...(['reflect', 'symmetric', 'edge', 'zeros'] as const).map((boundary) => ({
      name: boundary,
      inputs: { x: { shape: [2, 5, 6, 7] } },
      options: {
        channels: [
          [
            [0.25, 0.5, 0.25],
            [0.1, 0.2, 0.4, 0.2, 0.1],
            [0.2, 0.3, 0.5],
          ],
          null,
        ],
        boundary,
      },
      gradient: false,
    })),
    {
      name: 'in plane',
      inputs: { x: { shape: [1, 3, 9, 21] } },
      options: { channels: [[[1], [0.25, 0.5, 0.25], [0.05, 0.1, 0.2, 0.3, 0.2, 0.1, 0.05]]] },
      gradient: false,
    },
    {
      name: 'longer than the image',
      inputs: { x: { shape: [1, 1, 2, 3] } },
      options: {
        channels: [
          [
            [0.25, 0.5, 0.25],
            [0.05, 0.1, 0.2, 0.3, 0.2, 0.1, 0.05],
            [0.05, 0.1, 0.2, 0.3, 0.2, 0.1, 0.05],
          ],
        ],
      },
      gradient: false,
    },
  ],
  tolerance: { f32: 2e-6 },
});
