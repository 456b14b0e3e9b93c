/** Attention and its gradient on the WebGPU device. */
import {
  f32,
  linearGroups,
  u32,
  type Dispatch,
  type GpuType,
  type GpuView,
  type GpuWord,
  type WebGpuKernel,
} from '../../devices/webgpu/kernel.ts';
import { SUBGROUPS_OF_8 } from '../../devices/webgpu/workgroup-sum.ts';
import { ShapeError } from '../../errors.ts';
import byMemory from '../../generated/wgsl/join-rows-by-memory.ts';
import bySubgroups from '../../generated/wgsl/join-rows-by-subgroups.ts';
import rowsShader from '../../generated/wgsl/attention-rows.ts';
import shader from '../../generated/wgsl/attention.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { broadcastStrides, collapseAxes } from '../pointwise/broadcast.ts';
import { attentionCuts, attentionGradientCuts } from './attention-cuts.ts';
import { scaleOf, type AttentionGradientOptions, type AttentionOptions } from './options.ts';
import { attentionSizes, type AttentionSizes } from './shapes.ts';

/** Rows and columns of a workgroup, fixed in the shader. */
const SIDE = 32;
/** Leading axes that the shader can walk, those joined that the bias and the mask walk as one. */
const MOST_AXES = 4;

type Views = Record<'q' | 'k' | 'v', GpuView> & Partial<Record<'bias' | 'mask', GpuView>>;

interface Prepared {
  readonly sizes: AttentionSizes;
  readonly shared: Pick<Dispatch, 'shader' | 'constants' | 'uniforms' | 'enables' | 'functions'> & {
    readonly types: Readonly<Record<string, GpuType>>;
  };
}

function prepare(
  op: string,
  { q, k, v, bias, mask }: Views,
  options: AttentionOptions,
  features: ReadonlySet<string>,
): Prepared {
  const sizes = attentionSizes(op, { q, k, v, bias, mask });
  const strides = [bias, mask].map((view) => broadcastStrides(view?.shape.slice(0, -2) ?? [], sizes.lead));
  const axes = collapseAxes(sizes.lead, strides);
  if (axes.length > MOST_AXES)
    throw new ShapeError(
      `${op}: broadcasting the bias and the mask to [${sizes.lead.join(', ')}] walks ${axes.length} axes, at most ${MOST_AXES} are possible on webgpu.`,
      { op, q: q.shape },
    );
  const rows: GpuWord[] = Array.from({ length: MOST_AXES - axes.length }, () => [1, 0, 0, 0].map(u32)).flat();
  for (const { size, strides: steps } of axes) rows.push(...[size, ...steps, 0].map(u32));
  const { batches, queries, keys, d, e } = sizes;
  return {
    sizes,
    shared: {
      shader,
      ...(features.has(SUBGROUPS_OF_8)
        ? { enables: ['subgroups'], functions: [bySubgroups] }
        : { functions: [byMemory] }),
      types: {
        Q: q.storage,
        K: k.storage,
        V: v.storage,
        BIAS: (bias ?? q).storage,
        MASK: (mask ?? q).storage,
      },
      constants: {
        HAS_BIAS: bias !== undefined,
        HAS_MASK: mask !== undefined,
        D_CHUNKS: Math.ceil(d / SIDE),
        E_CHUNKS: Math.ceil(e / SIDE),
      },
      uniforms: [
        ...[batches, queries, keys, d, e].map(u32),
        f32(scaleOf(options, d)),
        u32(bias === undefined ? 0 : sizeOf(bias.shape.slice(0, -2))),
        u32(0),
        ...rows,
      ],
    },
  };
}

export const gpuAttention: WebGpuKernel<AttentionOptions> = {
  // The logarithms of sums stay as exact as they are.
  halves: [0],
  cuts: attentionCuts,
  lower: ({ inputs, outputs: [y, sums], options, features }) => {
    const { q, k, v, bias, mask } = inputs as Views;
    const { sizes, shared } = prepare(
      'attention',
      { q, k, v, ...(bias && { bias }), ...(mask && { mask }) },
      options,
      features,
    );
    return [
      {
        ...shared,
        types: { ...shared.types, DY: 'f32', MADE: y!.storage },
        entryPoint: 'forward',
        bindings: [q, k, v, bias ?? q, mask ?? q, undefined, undefined, y!, sums!],
        workgroups: linearGroups(sizes.batches * Math.ceil(sizes.queries / SIDE), 1),
      },
    ];
  },
};

export const gpuAttentionGradient: WebGpuKernel<AttentionGradientOptions> = {
  // The bias is a parameter: its gradient stays f32.
  halves: [0, 1, 2],
  cuts: attentionGradientCuts,
  lower: ({ inputs, outputs: [dq, dk, dv, dbias], options, features, scratch }) => {
    const { q, k, v, bias, mask, y, sums, dy } = inputs as Views & Record<'y' | 'sums' | 'dy', GpuView>;
    const { sizes, shared } = prepare(
      'attentionGradient',
      { q, k, v, ...(bias && { bias }), ...(mask && { mask }) },
      options,
      features,
    );
    const made = (to: GpuView): typeof shared => ({
      ...shared,
      types: { ...shared.types, DY: dy.storage, MADE: to.storage },
    });
    const { batches, queries, keys, e } = sizes;
    const rows = scratch(batches * queries * 8);
    const [queryBlocks, keyBlocks] = [Math.ceil(queries / SIDE), Math.ceil(keys / SIDE)];
    const operands = [q, k, v, bias ?? q, mask ?? q, dy, rows];
    const dispatches: Dispatch[] = [
      {
        shader: rowsShader,
        types: { Y: y.storage, DY: dy.storage, SUMS: sums.storage },
        bindings: [y, dy, sums, rows],
        uniforms: [batches * queries, e, 0, 0].map(u32),
        workgroups: linearGroups(batches * queries, 64),
      },
      {
        ...made(dq!),
        entryPoint: 'query_gradient',
        bindings: [...operands, dq!, undefined],
        workgroups: linearGroups(batches * queryBlocks, 1),
      },
      {
        ...made(dk!),
        entryPoint: 'key_gradient',
        bindings: [...operands, dk!, undefined],
        workgroups: linearGroups(batches * keyBlocks, 1),
      },
      {
        ...made(dv!),
        entryPoint: 'value_gradient',
        bindings: [q, k, undefined, bias ?? q, mask ?? q, dy, rows, dv!, undefined],
        workgroups: linearGroups(batches * keyBlocks, 1),
      },
    ];
    if (dbias !== undefined)
      dispatches.push({
        ...made(dbias),
        entryPoint: 'bias_gradient',
        bindings: [...operands, dbias, undefined],
        workgroups: linearGroups(sizeOf(dbias.shape.slice(0, -2)) * queryBlocks * keyBlocks, 1),
      });
    return dispatches;
  },
};
