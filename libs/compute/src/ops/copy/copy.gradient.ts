/** Derivatives of the operations that only move elements: they move them back. */
import { defineGradient, type GradientRule } from '../../autograd/gradient.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { cast } from '../cast/cast.ts';
import { concat } from '../concat/concat.ts';
import { expand } from '../expand/expand.ts';
import { flip } from '../flip/flip.ts';
import { pad } from '../pad/pad.ts';
import { permute } from '../permute/permute.ts';
import { sumTo } from '../pointwise/pointwise.gradient.ts';
import { reshape } from '../reshape/reshape.ts';
import { slice } from '../slice/slice.ts';

export const copyGradients: readonly GradientRule[] = [
  defineGradient(concat, ({ inputs, dy, options: { axis }, wants }) => {
    const gradients: Record<string, Tensor | undefined> = {};
    const start = dy.shape.map(() => 0);
    for (const [name, part] of Object.entries(inputs)) {
      if (wants(name)) gradients[name] = slice({ x: dy }, { start: [...start], size: part.shape });
      start[axis] += part.shape[axis];
    }
    return gradients;
  }),
  defineGradient(slice, ({ inputs: { x }, dy, options: { start, size } }) => ({
    x: pad({ x: dy }, { before: start, after: x.shape.map((n, axis) => n - start[axis] - size[axis]), value: 0 }),
  })),
  defineGradient(pad, ({ inputs: { x }, dy, options: { before } }) => ({
    x: slice({ x: dy }, { start: before, size: x.shape }),
  })),
  defineGradient(flip, ({ dy, options }) => ({ x: flip({ x: dy }, options) })),
  defineGradient(permute, ({ dy, options: { order } }) => ({
    x: permute({ x: dy }, { order: order.map((_, axis) => order.indexOf(axis)) }),
  })),
  defineGradient(reshape, ({ inputs: { x }, dy }) => ({ x: reshape({ x: dy }, { shape: x.shape }) })),
  defineGradient(expand, ({ inputs: { x }, dy }) => ({ x: sumTo(dy, x.shape) })),
  defineGradient(cast, ({ inputs: { x }, dy }) => ({
    x: x.dtype === 'f32' && dy.dtype === 'f32' ? reshape({ x: dy }, { shape: x.shape }) : undefined,
  })),
];
