/** Reductions on the WebGPU device: one invocation per result where reductions are short, else workgroups over chunks. */
import { cutAlong } from '../../devices/webgpu/cuts.ts';
import {
  f32,
  linearGroups,
  u32,
  type Dispatch,
  type GpuCall,
  type GpuCut,
  type GpuScratch,
  type GpuView,
} from '../../devices/webgpu/kernel.ts';
import { ShapeError } from '../../errors.ts';
import shader from '../../generated/wgsl/reduce.ts';
import { sizeOf, stridesOf, type Shape } from '../../tensor/spec.ts';
import { MOST_AXES } from '../copy/copy.webgpu.ts';
import { collapseAxes } from '../pointwise/broadcast.ts';
import type { Reduction } from './reduce.wasm.ts';

const KINDS: Readonly<Record<Reduction, number>> = { sum: 0, max: 1, min: 2 };
/** Elements a workgroup reduces at most. */
const CHUNK = 8192;
/** Reductions up to this length run in one invocation if there are many of them. */
const SHORT = 64;

/** Kept axes run together; parts of the reduced ones join, those of a mean by their share. */
export function cutReduction(
  call: GpuCall<{ readonly keepDims: boolean }>,
  kind: Reduction,
  axes: readonly number[],
  average: boolean,
): GpuCut[] {
  const kept = [...call.inputs['x']!.shape.keys()].filter((axis) => !axes.includes(axis));
  return [
    ...kept.map((axis, k) => cutAlong(call, { inputs: { x: axis }, outputs: [call.options.keepDims ? axis : k] })),
    ...axes.map((axis): GpuCut => {
      const cut = cutAlong(call, { inputs: { x: axis } }, [kind === 'sum' ? 'add' : kind]);
      const share = (begin: number, end: number): number => (average ? (end - begin) / cut.length : 1);
      return { ...cut, part: (begin, end) => ({ ...cut.part(begin, end), share: share(begin, end) }) };
    }),
  ];
}

/** Reduces `axes` of x; `divisor`: 1 for a sum, the count for a mean. */
export function gpuReduction(
  x: GpuView,
  y: GpuView | GpuScratch,
  scratch: (bytes: number) => GpuScratch,
  kind: Reduction,
  axes: readonly number[],
  divisor = 1,
): Dispatch[] {
  const strides = stridesOf(x.shape);
  const pick = (wanted: boolean): { size: number; stride: number }[] => {
    const chosen = [...x.shape.keys()].filter((axis) => axes.includes(axis) === wanted);
    const joined = collapseAxes(chosen.map((axis) => x.shape[axis]!) as Shape, [chosen.map((axis) => strides[axis]!)]);
    return joined.filter(({ size }) => size > 1).map(({ size, strides: [stride] }) => ({ size, stride: stride! }));
  };
  const kept = pick(false);
  const reduced = pick(true);
  if (kept.length + reduced.length > MOST_AXES)
    throw new ShapeError(`webgpu: a reduction of [${x.shape.join(', ')}] walks more than ${MOST_AXES} runs of axes.`, {
      shape: x.shape,
    });
  const length = sizeOf(axes.map((axis) => x.shape[axis]!));
  const results = sizeOf(x.shape) / length;
  const inner = (reduced.at(-1)?.stride ?? 1) > 1;
  if (length === 1 || (results >= 64 && (length <= SHORT || (inner && results >= 4096))))
    return [pass('each', kind, x, y, { results, length, chunks: 1, kept, reduced, scale: 1 / divisor })];
  const chunks = Math.ceil(length / CHUNK);
  if (chunks === 1)
    return [pass('groups_', kind, x, y, { results, length, chunks, kept, reduced, scale: 1 / divisor })];
  const partial = scratch(results * chunks * 4);
  const rows = { kept: results > 1 ? [{ size: results, stride: chunks }] : [], reduced: [{ size: chunks, stride: 1 }] };
  return [
    pass('groups_', kind, x, partial, { results, length, chunks, kept, reduced, scale: 1 }),
    pass('groups_', kind, partial, y, { results, length: chunks, chunks: 1, ...rows, scale: 1 / divisor }),
  ];
}

interface Pass {
  readonly results: number;
  readonly length: number;
  readonly chunks: number;
  readonly kept: readonly { readonly size: number; readonly stride: number }[];
  readonly reduced: readonly { readonly size: number; readonly stride: number }[];
  readonly scale: number;
}

function pass(
  entryPoint: 'each' | 'groups_',
  kind: Reduction,
  x: GpuView | GpuScratch,
  y: GpuView | GpuScratch,
  { results, length, chunks, kept, reduced, scale }: Pass,
): Dispatch {
  const table = [...kept, ...reduced].flatMap(({ size, stride }) => [size, stride, 0, 0].map(u32));
  return {
    shader,
    entryPoint,
    types: { X: 'storage' in x ? x.storage : 'f32', Y: 'storage' in y ? y.storage : 'f32' },
    constants: { KIND: KINDS[kind] },
    bindings: [x, y],
    uniforms: [
      ...[results, length, chunks, chunks === 1 ? length : CHUNK, kept.length, reduced.length].map(u32),
      f32(scale),
      u32(0),
      ...table,
      ...new Array(MOST_AXES * 4 - table.length).fill(u32(0)),
    ],
    workgroups: entryPoint === 'each' ? linearGroups(results, 64) : linearGroups(results * chunks, 1),
  };
}
