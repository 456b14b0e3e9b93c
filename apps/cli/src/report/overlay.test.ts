/** Against the reference's formulas, computed by NumPy. */
import { PNG } from 'pngjs';
import { expect, it } from 'vitest';
import { overlayPng, sliceToShow } from './overlay.ts';

const slices = {
  shape: [3, 2, 3],
  labels: [0, 1, 1, 0, 0, 0, 2, 2, 0, 0, 1, 0, 0, 2, 0, 0, 0, 0],
  image: [5, 6, 7, 8, 9, 9, -3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8],
} as const;
const pixels = (bytes: Uint8Array): number[][] => {
  const { data, width, height } = PNG.sync.read(Buffer.from(bytes));
  return Array.from({ length: width * height }, (_, k) => [...data.subarray(4 * k, 4 * k + 3)]);
};

it('shows the slice with the greatest share of the classes, in their colors', () => {
  expect(sliceToShow(slices)).toBe(1);
  expect(pixels(overlayPng(slices, 0.6))).toEqual([
    [125, 66, 25],
    [197, 138, 97],
    [126, 126, 126],
    [72, 72, 72],
    [178, 195, 255],
    [217, 217, 217],
  ]);
});

it('shows the first slice of a case without labels, and black where the image has one value', () => {
  const empty = { ...slices, labels: new Array<number>(18).fill(0) };
  expect(sliceToShow(empty)).toBe(0);
  expect(pixels(overlayPng({ ...empty, image: new Array<number>(18).fill(4) }, 0.6)).flat()).toEqual(
    new Array<number>(18).fill(0),
  );
});

it('has a color for each of more classes than there are colors', () => {
  const many = { shape: [1, 2, 16], labels: [...Array(32).keys()], image: [...Array(32).keys()] } as const;
  const found = pixels(overlayPng(many, 5));
  expect(found[15]).not.toEqual(found[14]);
  expect(found.every((color) => color.every(Number.isFinite))).toBe(true);
});
