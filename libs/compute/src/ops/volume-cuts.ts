/** Ways to compute operations on volumes [C, z, y, x] in parts, for kernels' `cuts`. */
import { boxAlong, cutAlong, cutTogether, wholeBox } from '../devices/webgpu/cuts.ts';
import type { GpuCall, GpuCut, Join } from '../devices/webgpu/kernel.ts';
import type { Shape } from '../tensor/spec.ts';

/** Voxel by voxel, along each spatial axis of the inputs named and of the outputs. */
export function spaceCuts(call: GpuCall<unknown>, inputs: readonly string[]): GpuCut[] {
  return cutTogether(call, [1, 2, 3], inputs);
}

/** Channel by channel of x; `optionsOf` gives those of the channels from `begin` to before `end`, if they differ. */
export function channelCut<R>(call: GpuCall<R>, optionsOf?: (begin: number, end: number) => Partial<R>): GpuCut {
  const cut = cutAlong(call, { inputs: { x: 0 }, outputs: [0] });
  return {
    ...cut,
    part: (begin, end) => ({ ...cut.part(begin, end), options: { ...call.options, ...optionsOf?.(begin, end) } }),
  };
}

/** Slab by slab of the output and of the inputs named, the others whole, with the options of the slab from `begin` to `end`. */
export function slabCut<R>(
  call: GpuCall<R>,
  inputs: readonly string[],
  optionsOf: (begin: number, end: number) => Partial<R>,
): GpuCut {
  const [output] = call.outputs;
  return {
    length: output!.shape[1]!,
    part: (begin, end) => ({
      inputs: Object.fromEntries(
        Object.entries(call.inputs).map(([name, spec]) => [
          name,
          spec && (inputs.includes(name) ? boxAlong(spec, 1, begin, end) : wholeBox(spec)),
        ]),
      ),
      outputs: [boxAlong(output!, 1, begin, end)],
      options: { ...call.options, ...optionsOf(begin, end) },
    }),
  };
}

/** Where a part lies in the volume [C, z, y, x] that was cut. */
export interface PlaceInVolume {
  readonly begin: Shape;
  readonly whole: Shape;
}

/** The place of a call's input; that of one which is no part is all of it. */
export function placeOf(
  options: { readonly place?: PlaceInVolume },
  { shape }: { readonly shape: Shape },
): PlaceInVolume {
  return options.place ?? { begin: shape.map(() => 0), whole: shape };
}

/** Along every axis of an input, for kernels that must know where they are: a part's options hold its `place`. */
export function placedCuts<R extends { readonly place?: PlaceInVolume }>(
  call: GpuCall<R>,
  input: string,
  joins?: readonly Join[],
): GpuCut[] {
  const { begin, whole } = placeOf(call.options, call.inputs[input]!);
  return cutTogether(call, [0, 1, 2, 3], [input], joins).map((cut, axis) => ({
    ...cut,
    part: (from, to) => ({
      ...cut.part(from, to),
      options: { ...call.options, place: { whole, begin: begin.map((n, k) => (k === axis ? n + from : n)) } },
    }),
  }));
}
