/** Ways to compute attention and its gradient in parts: batches and queries run apart, keys do not. */
import { cutAlong } from '../../devices/webgpu/cuts.ts';
import type { GpuCall, GpuCut, Join } from '../../devices/webgpu/kernel.ts';
import type { TensorSpec } from '../../tensor/spec.ts';

export function attentionCuts(call: GpuCall<unknown>): GpuCut[] {
  const queryAxis = call.inputs['q']!.shape.length - 2;
  return [
    ...Array.from({ length: queryAxis }, (_, axis) =>
      cutAlong(call, { inputs: batchAxes(call, axis), outputs: [axis, axis] }),
    ),
    cutAlong(call, { inputs: queryAxes(call), outputs: [queryAxis, queryAxis] }),
  ];
}

/** dq, dk, dv and where it is asked for that of the bias, which batches that share it add up. */
export function attentionGradientCuts(call: GpuCall<unknown>): GpuCut[] {
  const queryAxis = call.inputs['q']!.shape.length - 2;
  return [
    ...Array.from({ length: queryAxis }, (_, axis) => {
      const inputs = batchAxes(call, axis);
      const ofBias = inputs['bias'];
      const isShared = ofBias === undefined || call.inputs['bias']!.shape[ofBias] === 1;
      const joins: readonly Join[] = ['place', 'place', 'place', isShared ? 'add' : 'place'];
      return cutAlong(call, { inputs, outputs: [axis, axis, axis, isShared ? undefined : ofBias] }, joins);
    }),
    cutAlong(call, { inputs: queryAxes(call), outputs: [queryAxis, undefined, undefined, queryAxes(call)['bias']] }, [
      'place',
      'add',
      'add',
      'place',
    ]),
  ];
}

/** A leading axis of q in every tensor; those of bias and mask are aligned from the right, and may be missing. */
function batchAxes({ inputs }: GpuCall<unknown>, axis: number): Record<string, number | undefined> {
  const lead = inputs['q']!.shape.length - 2;
  const aligned = (spec: TensorSpec | undefined): number | undefined => {
    const own = spec === undefined ? -1 : axis - lead + spec.shape.length - 2;
    return own < 0 ? undefined : own;
  };
  const whole = Object.fromEntries(['q', 'k', 'v', 'y', 'sums', 'dy'].map((name) => [name, axis]));
  return { ...whole, bias: aligned(inputs['bias']), mask: aligned(inputs['mask']) };
}

function queryAxes({ inputs }: GpuCall<unknown>): Record<string, number | undefined> {
  const lead = inputs['q']!.shape.length - 2;
  const secondLast = (spec: TensorSpec | undefined): number | undefined => spec && spec.shape.length - 2;
  return {
    q: lead,
    y: lead,
    sums: lead,
    dy: lead,
    bias: secondLast(inputs['bias']),
    mask: secondLast(inputs['mask']),
  };
}
