/** The host's Fourier transform against its definition, for every kind of length. */
import { expect, it } from 'vitest';
import { Philox } from '@voxelwise/compute';
import { distance } from '../../fixtures/golden.ts';
import { forward, realInverse } from './fourier.ts';

const shapes: [number, number, number][] = [
  [1, 1, 1],
  [1, 5, 16],
  [7, 4, 6],
  [3, 20, 11],
  [2, 1, 45],
];
it.each(shapes.map((shape) => [shape.join(' × '), shape] as const))('%s', (_name, shape) => {
  const rng = new Philox(4);
  const size = shape[0] * shape[1] * shape[2];
  const data = Float64Array.from({ length: size }, () => rng.normal());
  const { re, im } = forward(data, shape);
  const at = (v: number): [number, number, number] => [
    Math.floor(v / (shape[1] * shape[2])),
    Math.floor(v / shape[2]) % shape[1],
    v % shape[2],
  ];
  for (let f = 0; f < size; f += Math.max(1, Math.floor(size / 60))) {
    let [a, b] = [0, 0];
    for (let v = 0; v < size; v++) {
      const turn = at(v).reduce((sum, k, axis) => sum + (k * at(f)[axis]!) / shape[axis]!, 0);
      a += data[v]! * Math.cos(2 * Math.PI * turn);
      b -= data[v]! * Math.sin(2 * Math.PI * turn);
    }
    expect(Math.abs(re[f]! - a) + Math.abs(im[f]! - b)).toBeLessThan(1e-10 * size);
  }
  expect(distance(realInverse({ re, im, shape }), data)).toBeLessThan(1e-12);
});
