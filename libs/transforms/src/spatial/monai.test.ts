/** Spatial transforms against MONAI's goldens, in the modes that give its values. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceDevice, createWasmDevice, Philox, type Device } from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import { excess, inputVolume, sceneFile, type GoldenCase, type SceneFile } from '../../fixtures/scenes.ts';
import type { Sampling, Scene, Transform } from '../contract/transform.ts';
import { affineApplication, monaiAffine, monaiAffineMatrix } from './affine.ts';
import {
  borderPad,
  centerCrop,
  cropForeground,
  pad,
  padOrCrop,
  padToMultiple,
  scaleCrop,
  spatialCrop,
} from './crop-pad.ts';
import { flip, rotate90, transpose } from './index-moves.ts';
import { coveringShape, orientation, resample, spacing } from './spacing.ts';
import { resize, zoom } from './resize.ts';
import { gridDistortionApplication } from './elastic.ts';
import { LINEAR } from './move.ts';

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- parameters of many shapes, straight from JSON */
type Any = any;
const file = sceneFile('monai-transforms');
// The reference's semantics written down once more in Python, for parameters that its goldens do not have.
const variations = sceneFile('monai-variations');
const devices: Record<string, Device> = { reference: createReferenceDevice() };
beforeAll(async () => {
  devices['wasm'] = await createWasmDevice({ threads: 1 });
});
afterAll(() => devices['wasm']?.dispose());

const sampling = (p: Any, padding = 'border'): Partial<Sampling> => {
  const modes: Record<string, Sampling['interpolation']> = {
    bilinear: 'linear',
    trilinear: 'linear',
    nearest: 'nearest',
    3: 'cubic',
  };
  const paddings: Record<string, Sampling['padding']> = {
    border: 'border',
    zeros: 'zeros',
    // PyTorch mirrors where it lays its corners; SciPy has a name for each.
    reflection: p.align_corners ? 'mirror' : 'reflect',
    nearest: 'border',
    constant: 'zeros',
    reflect: 'reflect',
    mirror: 'mirror',
  };
  return { interpolation: modes[p.mode ?? 'bilinear']!, padding: paddings[p.padding_mode ?? padding]! };
};
const sizes = (list: Any): (number | null)[] => [...list].map((n) => (n > 0 ? n : null));
const outside = (p: Any): Any => ({
  boundary: p.mode === undefined ? 'constant' : p.mode,
  fill: p.value ?? 0,
  ...(p.method ? { side: p.method === 'end' ? 'end' : 'symmetric' } : {}),
});
const resizeMode = (name = 'area'): Any =>
  ({ bilinear: 'linear', trilinear: 'linear', bicubic: 'cubic' })[name] ?? name;
/** Numbers for (y, x) of images [C, y, x], which have one slice here. */
const spatial = (list: Any, scene: Scene, alone: number | null): Any =>
  Array.isArray(list) && list.length === 2 && scene.images.grid.shape[0] === 1 ? [alone, ...list] : list;
/** MONAI turns and shears (y, x) with one and two numbers. */
const flatAffine = ({
  rotate_params = 0,
  shear_params = [0, 0],
  translate_params = [0, 0],
  scale_params = [1, 1],
}: Any): Any => ({
  rotate_params: [rotate_params, 0, 0],
  shear_params: [0, 0, 0, shear_params[0], 0, shear_params[1]],
  translate_params: [0, ...translate_params],
  scale_params: [1, ...scale_params],
});
const angles = (angle: Any): number[] => (typeof angle === 'number' ? [angle, 0, 0] : angle);
const monai = (p: Any): number[] =>
  monaiAffineMatrix({
    radians: p.rotate_params ?? p.rotate,
    shear: p.shear_params ?? p.shear,
    translateVoxels: p.translate_params ?? p.translate,
    scale: p.scale_params ?? p.scale,
  });

const transforms: Record<string, (p: Any, scene: Scene) => Transform<Any>> = {
  Spacing: (p, scene) =>
    spacing({
      spacingMm: spatial(p.pixdim, scene, null),
      extent: p.scale_extent ? 'edges' : 'corners',
      diagonal: p.diagonal ?? false,
      minMm: p.min_pixdim,
      maxMm: p.max_pixdim,
      alignCorners: p.align_corners ?? false,
      forgetWorld: p.recompute_affine ?? false,
      sampling: sampling(p),
    }),
  Orientation: (p) => orientation(p.axcodes ?? 'RAS'),
  SpatialResample: (p, { images }) =>
    resample({
      onto: {
        affine: Float64Array.from(p.dst_affine.flat()),
        shape: p.spatial_size ?? coveringShape(images.grid, p.dst_affine.flat()),
      },
      alignCorners: p.align_corners,
      sampling: sampling(p),
    }),
  ResampleToMatch: (p) =>
    resample({ onto: { affine: Float64Array.from(p.dst_affine.flat()), shape: p.dst_shape }, sampling: sampling(p) }),
  Rotate: (p) =>
    monaiAffine({
      matrix: monaiAffineMatrix({ radians: angles(p.angle) }),
      ...((p.keep_size ?? true) ? {} : { shape: 'fit' }),
      alignCorners: p.align_corners ?? false,
      sampling: sampling(p),
    }),
  Affine: (p, scene) =>
    monaiAffine({
      matrix: monai(typeof p.rotate_params === 'number' ? flatAffine(p) : p),
      shape: spatial(p.spatial_size, scene, 1),
      alignCorners: p.align_corners ?? false,
      sampling: sampling(p, 'reflection'),
    }),
  RandAffine: (p) => monaiAffine({ matrix: monai(p), sampling: sampling(p) }),
  Zoom: (p, scene) =>
    zoom({
      factor: spatial(p.zoom, scene, 1),
      keepSize: p.keep_size ?? true,
      boundary: p.padding_mode ?? 'edge',
      mode: resizeMode(p.mode),
      alignCorners: p.align_corners ?? false,
    }),
  Resize: (p, scene) =>
    resize({
      shape: p.size_mode === 'longest' ? { longest: p.spatial_size } : spatial(p.spatial_size, scene, 1),
      mode: resizeMode(p.mode),
      alignCorners: p.align_corners ?? false,
      antiAliasing: p.anti_aliasing_sigma ?? p.anti_aliasing ?? false,
    }),
  Flip: (p) => flip(p.spatial_axis ?? [0, 1, 2]),
  Rotate90: (p) => rotate90({ turns: p.k ?? 1, axes: p.spatial_axes ?? [0, 1] }),
  Transpose: (p) => transpose(p.indices.slice(1).map((axis: number) => axis - 1)),
  SpatialPad: (p) => pad(sizes(p.spatial_size), outside(p)),
  BorderPad: (p) => borderPad(p.spatial_border, outside(p)),
  DivisiblePad: (p) => padToMultiple(p.k, outside(p)),
  CenterSpatialCrop: (p) => centerCrop(sizes(p.roi_size)),
  CenterScaleCrop: (p) => scaleCrop(p.roi_scale),
  SpatialCrop: (p) =>
    spatialCrop(p.roi_start ? { start: p.roi_start, end: p.roi_end } : { center: p.roi_center, size: p.roi_size }),
  ResizeWithPadOrCrop: (p) => padOrCrop(p.spatial_size, outside(p)),
  CropForeground: (p) =>
    cropForeground({ margin: p.margin, multiple: p.k_divisible, insideOnly: p.allow_smaller ?? false }),
  GridDistortion: (p) => ({
    ...gridDistortionApplication,
    sample: () => ({
      cells: [p.num_cells, p.num_cells, p.num_cells],
      steps: p.distort_steps,
      asMonai: true,
      sampling: { ...LINEAR, ...sampling(p) },
    }),
  }),
};

const rows = [file, variations].flatMap((from) =>
  from.cases.cases.filter((row) => row.op in transforms).map((row) => [row.id, row, from] as const),
);

function checkAffine(affine: Float64Array, expected: number[][]): void {
  const rows =
    expected.length === 3
      ? [
          [1, 0, 0, 0],
          [0, ...expected[0]!],
          [0, ...expected[1]!],
          [0, 0, 0, 1],
        ]
      : expected;
  const { worst } = excess(affine, rows.flat(), { atol: 2e-4, rtol: 1e-5 });
  expect(worst).toBeLessThanOrEqual(0);
}

for (const kind of ['reference', 'wasm']) {
  describe(`MONAI's spatial transforms on ${kind}`, () => {
    it.each(rows)('%s', async (_id, row: GoldenCase, file: SceneFile) => {
      const scene: Scene = {
        id: row.id,
        images: inputVolume(file, row.inputs['image'] as string, 'intensity', devices[kind]!),
      };
      const transform = transforms[row.op]!(row.params, scene);
      const parameters = JSON.parse(JSON.stringify(await transform.sample(scene, new Philox(1)))) as Any;
      const result = await transform.apply(scene, parameters);
      const expected = file.array(row.outputs['image']!.array!);
      const inSpace = (shape: readonly number[]): number[] =>
        shape.length === 3 ? [shape[0]!, 1, ...shape.slice(1)] : [...shape];
      expect(result.images.voxels.shape).toEqual(inSpace(expected.shape));
      const { worst, share } = excess(await result.images.voxels.read(), expected.data, row);
      // Nearest neighbors at ties may fall to either side.
      if ((row.params as Any).mode === 'nearest') expect(share).toBeLessThanOrEqual(0.005);
      else expect(worst).toBeLessThanOrEqual(0);
      // The reference leaves the affine behind when it transposes; ours stays true.
      if (row.outputs['affine'] && row.op !== 'Transpose')
        checkAffine(result.images.grid.affine, row.outputs['affine'].value as number[][]);
      if (row.outputs['inverse_image'] && transform.invert) {
        const back = transform.invert(result.images, parameters);
        const before = file.array(row.outputs['inverse_image'].array!);
        expect(back.voxels.shape).toEqual(inSpace(before.shape));
        const undone = excess(await back.voxels.read(), before.data, row);
        expect(undone.share).toBeLessThanOrEqual((row.params as Any).mode === 'nearest' ? 0.005 : 0);
        checkAffine(back.grid.affine, row.outputs['inverse_affine']!.value as number[][]);
      }
    });
  });
}

describe("MONAI's matrices", () => {
  const parts: Record<string, (p: Any) => Any> = {
    create_rotate: ({ rotate_params }) => ({ rotate_params }),
    create_shear: ({ shear_params }) => ({ shear_params }),
    create_translate: ({ translate_params }) => ({ translate_params }),
    create_scale: ({ scale_params }) => ({ scale_params }),
    create_rotate2d: ({ rotate_params: r }) => flatAffine({ rotate_params: r[2] }),
    create_shear2d: () => flatAffine({ shear_params: [0.1, 0.2] }),
    AffineGrid: (p) => p,
  };
  const rows = file.cases.cases.filter(({ op }) => op in parts);
  it.each(rows.map((row) => [row.id, row] as const))('%s', (_id, row) => {
    const matrix = row.outputs['matrix']!.value as number[][];
    const found = monai(parts[row.op]!((row.params as Any).from ?? row.params));
    // Of two axes: the lower right block and its shift.
    const flat = matrix.length === 3;
    const own = matrix
      .slice(0, -1)
      .flatMap((_, i) => matrix.map((_, j) => found[(flat ? i + 1 : i) * 4 + (flat ? j + 1 : j)]!));
    const tolerance = row.op === 'AffineGrid' ? { atol: 1e-6, rtol: 1e-5 } : row;
    expect(excess(own, matrix.slice(0, -1).flat(), tolerance).worst).toBeLessThanOrEqual(0);
    if (!row.outputs['grid']) return;
    // The grid holds where each voxel of the result is read, counted from the center.
    const { data, shape } = file.array(row.outputs['grid'].array!);
    const [nz, ny, nx] = shape.slice(1) as [number, number, number];
    const size = nz * ny * nx;
    const centers = [nz, ny, nx].map((n) => (n - 1) / 2);
    const grid = Float64Array.from({ length: 3 * size }, (_, k) => {
      const [axis, v] = [Math.floor(k / size), k % size];
      const o = [Math.floor(v / (ny * nx)), Math.floor(v / nx) % ny, v % nx].map((i, a) => i - centers[a]!);
      return [0, 1, 2].reduce((sum, j) => sum + found[axis * 4 + j]! * o[j]!, found[axis * 4 + 3]!);
    });
    expect(excess(grid, data.subarray(0, 3 * size), row).worst).toBeLessThanOrEqual(0);
  });
});

describe('a box of foreground', () => {
  it("is MONAI's, for another threshold", async () => {
    const row = file.cases.cases.find(({ id }) => id === 'cropfg_bbox_gt250')!;
    const scene: Scene = {
      id: 's',
      images: inputVolume(file, row.inputs['image'] as string, 'intensity', devices['reference']!),
    };
    const { start, shape } = await cropForeground({ above: 250 }).sample(scene, new Philox(1));
    expect(start).toEqual(row.outputs['start']!.value);
    expect(start.map((s, axis) => s + shape[axis]!)).toEqual(row.outputs['end']!.value);
  });
});

describe('a grid of another image', () => {
  it('says what is wrong with a singular affine', () => {
    const grid = {
      shape: [2, 2, 2] as PerAxis,
      affine: Float64Array.from([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]),
    };
    expect(() =>
      affineApplication.place(grid, {
        settings: { matrix: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], space: 'voxels' },
        sampling: LINEAR,
        before: { shape: [2, 2, 2], affine: [] },
      }),
    ).toThrow(/singular/);
  });
});
