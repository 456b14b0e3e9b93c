/** Attention and its gradient on the WASM device: operands packed into panels of 8 as for matmul, then one pass over the scores. */
import {
  float,
  int,
  pointer,
  scratchPointer,
  type KernelArgument,
  type KernelCall,
  type LoweringContext,
  type WasmKernel,
  type WasmView,
} from '../../devices/wasm/kernel.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { scaleOf, type AttentionGradientOptions, type AttentionOptions } from './options.ts';
import { attentionSizes, biasAndMaskOf, type AttentionSizes } from './shapes.ts';

// Blocks of the kernels.
const QUERIES = 32;
const FORWARD_KEYS = 128;
const BACKWARD_KEYS = 64;

/** Items that the gradient's work is cut into where shapes allow: enough for several threads each. */
const ITEMS = 32;
/** Bytes that parts of the bias' gradient may take together. */
const BIAS_PARTS_BYTES = 64 * 2 ** 20;

type Views<Names extends string> = Readonly<Record<Names, WasmView>> &
  Readonly<Partial<Record<'bias' | 'mask', WasmView>>>;

const panelsOf = (n: number): number => Math.ceil(n / 8);
const optional = (view: WasmView | undefined): KernelArgument => (view === undefined ? int(0) : pointer(view));

/** Matrices [rows, columns] into panels of 8 columns, or of 8 rows when `transposed`; returns where they are. */
function packed(
  matrices: WasmView,
  transposed: boolean,
  { scratch }: Pick<LoweringContext<unknown>, 'scratch'>,
  calls: KernelCall[],
): KernelArgument {
  const [rows, columns] = matrices.shape.slice(-2) as [number, number];
  const batches = sizeOf(matrices.shape.slice(0, -2));
  const [k, n, kStep, nStep] = transposed ? [columns, rows, 1, columns] : [rows, columns, columns, 1];
  const to = scratchPointer(scratch(batches * panelsOf(n) * k * 32));
  calls.push({
    kernel: 'matmul_pack',
    args: [pointer(matrices), to, int(batches), int(k), int(n), int(kStep), int(nStep), int(rows * columns)],
  });
  return to;
}

export const attentionKernel: WasmKernel<AttentionOptions> = {
  lower: (context) => {
    const { q, k, v, bias, mask } = context.inputs as Views<'q' | 'k' | 'v'>;
    const [y, sums] = context.outputs;
    const { lead, batches, queries, keys, d, e } = attentionSizes('attention', { q, k, v, bias, mask });
    const bytes = QUERIES * (FORWARD_KEYS * 4 + panelsOf(e) * 32 + 8);
    const calls: KernelCall[] = [];
    const keysPacked = packed(k, true, context, calls);
    const valuesPacked = packed(v, false, context, calls);
    calls.push({
      kernel: 'attention',
      args: [
        pointer(q),
        keysPacked,
        valuesPacked,
        optional(bias),
        optional(mask),
        pointer(y!),
        pointer(sums!),
        scratchPointer(context.scratch(bytes * context.threads)),
        int(bytes),
        ...[batches, queries, keys, d, e].map(int),
        float(scaleOf(context.options, d)),
        { words: biasAndMaskOf(lead, bias, mask).flat().map(int) },
      ],
    });
    return calls;
  },
};

interface Units {
  /** Parts that each matrix of the bias' gradient is summed in. */
  readonly groups: number;
  /** Per unit, where its batches begin; at the end, how many there are. */
  readonly starts: readonly number[];
  /** In the order of the units: batch, matrix of the bias, of the mask. */
  readonly places: readonly (readonly [number, number, number])[];
}

/** Cuts the batches into units, by shapes alone: the order of sums must not depend on the number of threads. */
function unitsOf(
  { lead, batches }: AttentionSizes,
  bias: WasmView | undefined,
  mask: WasmView | undefined,
  dbias: WasmView | undefined,
): Units {
  const matrices = biasAndMaskOf(lead, bias, mask);
  const places = matrices.map(([ofBias, ofMask], batch) => [batch, ofBias, ofMask] as const);
  if (dbias === undefined) return { groups: 1, starts: Array.from({ length: batches + 1 }, (_, n) => n), places };
  const count = sizeOf(dbias.shape.slice(0, -2));
  const each = batches / count;
  const most = Math.floor(BIAS_PARTS_BYTES / (sizeOf(dbias.shape) * 4));
  const groups = Math.max(1, Math.min(each, most, Math.ceil(ITEMS / count)));
  const starts = Array.from({ length: count * groups + 1 }, (_, unit) => {
    const group = unit % groups;
    return Math.floor(unit / groups) * each + Math.floor((each * group) / groups);
  });
  return { groups, starts, places: [...places].sort((a, b) => a[1] - b[1] || a[0] - b[0]) };
}

export const attentionGradientKernel: WasmKernel<AttentionGradientOptions> = {
  lower: (context) => {
    const { q, k, v, bias, mask, y, sums, dy } = context.inputs as Views<'q' | 'k' | 'v' | 'y' | 'sums' | 'dy'>;
    const [dq, dk, dv, dbias] = context.outputs;
    const sizes = attentionSizes('attentionGradient', { q, k, v, bias, mask });
    const { batches, queries, keys, d, e } = sizes;
    const { groups, starts, places } = unitsOf(sizes, bias, mask, dbias);
    const units = starts.length - 1;
    const chunks = Math.min(Math.ceil(keys / BACKWARD_KEYS), Math.ceil(ITEMS / units));
    const scale = float(scaleOf(context.options, d));
    const rows = (bytes: number): KernelArgument => scratchPointer(context.scratch(bytes));
    const dots = rows(batches * queries * 4);
    const calls: KernelCall[] = [
      { kernel: 'attention_row_dots', args: [pointer(y), pointer(dy), dots, int(batches * queries), int(e)] },
    ];
    const byKeys = [packed(k, true, context, calls), packed(v, true, context, calls)];
    const byColumns = [q, dy, k].map((matrices) => packed(matrices, false, context, calls));
    const queryParts = rows(batches * chunks * Math.ceil(queries / 4) * 4 * panelsOf(d) * 32);
    const biasParts =
      dbias === undefined ? int(0) : groups === 1 ? pointer(dbias) : rows(groups * sizeOf(dbias.shape) * 4);
    const bytes = 2 * QUERIES * BACKWARD_KEYS * 4 + BACKWARD_KEYS * (panelsOf(d) + panelsOf(e)) * 32;
    calls.push(
      {
        kernel: 'attention_gradient',
        args: [
          pointer(q),
          pointer(dy),
          pointer(sums),
          dots,
          ...byKeys,
          ...byColumns,
          optional(bias),
          optional(mask),
          pointer(dk!),
          pointer(dv!),
          queryParts,
          biasParts,
          rows(bytes * context.threads),
          int(bytes),
          ...[units, chunks, queries, keys, d, e].map(int),
          scale,
          { words: starts.map(int) },
          { words: places.flat().map(int) },
        ],
      },
      {
        kernel: 'attention_query_gradient',
        args: [queryParts, pointer(dq!), ...[batches, chunks, queries, d].map(int), scale],
      },
    );
    if (dbias !== undefined && groups > 1)
      calls.push({
        kernel: 'attention_bias_gradient',
        args: [biasParts, pointer(dbias), ...[sizeOf(dbias.shape.slice(0, -2)), groups, queries * keys].map(int)],
      });
    return calls;
  },
};
