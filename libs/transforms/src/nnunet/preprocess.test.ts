/** nnU-Net's preprocessing against goldens of the reference: resampling, cropping, whole cases, class locations, the way back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createReferenceDevice,
  createWasmDevice,
  boundingBox,
  fillHoles,
  labelOutside,
  nonzeroMask,
  reindex,
  resizeSpline,
  tensor,
  type Device,
} from '@voxelwise/compute';
import { alignedGrid, type Case, type PerAxis } from '@voxelwise/volume';
import { distance, golden } from '../../fixtures/golden.ts';
import { keyOf, sampleClassLocations } from './class-locations.ts';
import { preprocess } from './preprocess.ts';
import { newShape, resampleData, resampleLabels, separateAxis } from './resampling.ts';
import { restoreSegmentation, restoreVoxels } from './restore.ts';
import type { NormalizationScheme, PreprocessSettings } from './settings.ts';

interface ResamplingRow {
  name: string;
  in_dtype: string;
  out_shape: number[];
  current_spacing: PerAxis;
  new_spacing: PerAxis;
  kwargs: { is_seg: boolean; order: 0 | 1 | 3; force_separate_z: boolean | null };
  separate_z: boolean;
  axis: number | null;
}
const resampling = golden<{
  index: ResamplingRow[];
  lines: { order: 0 | 1 | 3; in: number[]; out_len: number; out: number[] }[];
  shapes: { old_shape: PerAxis; old_spacing: PerAxis; new_spacing: PerAxis; new_shape: number[] }[];
}>('nnunet-resampling');

interface CaseRow {
  set: string;
  configuration: string;
  case: string;
  transposeForward: PerAxis;
  plan: { spacing: number[]; normalization_schemes: NormalizationScheme[]; use_mask_for_norm: boolean[] };
  intensities: Record<string, { mean: number; std: number; percentile_00_5: number; percentile_99_5: number }>;
  dataset: { labels: Record<string, number | number[]>; channel_names: Record<string, string> };
  golden: {
    properties: {
      spacing: PerAxis;
      shape_before_cropping: number[];
      bbox_used_for_cropping: number[][];
      shape_after_cropping_and_before_resampling: number[];
    };
    class_locations: Record<string, { n: number; first20: number[][]; sum: number[] }>;
  };
}
const cases = golden<{
  cases: CaseRow[];
  crop: { shape: number[]; data: number[]; filled_mask: number[]; bbox: number[][]; seg_after_crop: number[] }[];
  locations: {
    seg: string;
    classes_or_regions: (number | number[])[];
    locations: Record<string, { n: number; first30: number[][]; sum: number[] }>;
  }[];
}>('nnunet-preprocess');

const devices: Record<string, Device> = { reference: createReferenceDevice() };
beforeAll(async () => {
  devices['wasm'] = await createWasmDevice({ threads: 1 });
});
afterAll(() => devices['wasm']?.dispose());

for (const kind of ['reference', 'wasm']) {
  describe(`nnU-Net preprocessing on ${kind}`, () => {
    it.each(resampling.cases.index.map((row) => [row.name, row] as const))('resamples %s', async (name, row) => {
      const input = resampling.array(`${name}_in`);
      const expected = resampling.array(`${name}_out`);
      const shape = row.out_shape.slice(1) as unknown as PerAxis;
      const settings = { order: row.kwargs.order, forceSeparateZ: row.kwargs.force_separate_z };
      expect(separateAxis(row.current_spacing, row.new_spacing, settings.forceSeparateZ)).toBe(
        row.separate_z ? row.axis : -1,
      );
      if (row.kwargs.is_seg) {
        const x = tensor(devices[kind]!, Int32Array.from(input.data), input.shape);
        const made = await resampleLabels(x, shape, row.current_spacing, row.new_spacing, settings);
        expect(distance(await made.read(), expected.data)).toBe(0);
      } else {
        const x = tensor(devices[kind]!, Float32Array.from(input.data), input.shape);
        const tolerance = row.in_dtype === 'float16' ? 2e-3 : 1e-5;
        expect(
          distance(await resampleData(x, shape, row.current_spacing, row.new_spacing, settings).read(), expected.data),
        ).toBeLessThanOrEqual(tolerance);
      }
    });

    it('resizes lines', async () => {
      for (const { order, in: line, out_len, out } of resampling.cases.lines) {
        const x = tensor(devices[kind]!, Float32Array.from(line), [1, 1, 1, line.length]);
        const y = await resizeSpline({ x }, { shape: [1, 1, out_len], order }).read();
        expect(distance(y, out)).toBeLessThanOrEqual(1e-6);
      }
    });

    it('crops and fills as the reference', async () => {
      for (const row of cases.cases.crop) {
        const x = tensor(devices[kind]!, Float32Array.from(row.data), row.shape);
        const mask = fillHoles({ mask: nonzeroMask({ x }) });
        expect(distance(await mask.read(), row.filled_mask.map(Number))).toBe(0);
        const box = [...(await boundingBox({ mask }).read())];
        const start = box[3] === 0 ? [0, 0, 0] : box.slice(0, 3);
        const end = box[3] === 0 ? row.shape.slice(1) : box.slice(3);
        expect(start.map((s, axis) => [s, end[axis]])).toEqual(row.bbox);
        const axes = start.map((s, axis) => ({ axis, size: end[axis]! - s, rule: 'move', start: s, step: 1 })) as never;
        const zeros = tensor(devices[kind]!, new Int32Array(mask.shape.reduce((a, b) => a * b)), mask.shape);
        const seg = labelOutside({ labels: reindex({ x: zeros }, { axes }), mask: reindex({ x: mask }, { axes }) });
        expect(distance(await seg.read(), row.seg_after_crop)).toBe(0);
      }
    });

    it.each(cases.cases.cases.map((row) => [`${row.set}/${row.configuration}/${row.case}`, row] as const))(
      'prepares %s',
      async (name, row) => {
        const { subject, settings } = caseOf(row);
        const {
          case: done,
          properties,
          classLocations,
        } = await preprocess(subject, settings, devices[kind]!, { spacing: row.golden.properties.spacing });
        const data = cases.array(`${name}/data`);
        expect(done.images.voxels.shape).toEqual(data.shape);
        expect(distance(await done.images.voxels.read(), data.data)).toBeLessThanOrEqual(2e-4);
        expect(distance(await done.labels!.voxels.read(), cases.array(`${name}/seg`).data)).toBe(0);
        const { golden: expected } = row;
        expect(properties.shapeBeforeCropping).toEqual(expected.properties.shape_before_cropping);
        expect(properties.box.start.map((s, axis) => [s, properties.box.end[axis]])).toEqual(
          expected.properties.bbox_used_for_cropping,
        );
        expect(properties.shapeAfterCropping).toEqual(expected.properties.shape_after_cropping_and_before_resampling);
        for (const entry of settings.foreground!) {
          const rows = expected.class_locations[typeof entry === 'number' ? `${entry}` : entry.join('_')]!;
          checkLocations(classLocations!.get(keyOf(entry))!, properties.shape, rows.n, rows.first20, rows.sum);
        }
      },
    );

    it('returns a case to its own grid', async () => {
      for (const row of cases.cases.cases.filter(({ configuration }) => configuration === '3d_fullres')) {
        const { subject, settings } = caseOf(row);
        const { case: done, properties } = await preprocess(subject, settings, devices[kind]!, {
          spacing: row.golden.properties.spacing,
        });
        const labels = await done.labels!.voxels.read();
        const count = 1 + Math.max(...labels);
        const voxels = labels.length;
        const logits = new Float32Array(count * voxels);
        labels.forEach((label, v) => (logits[Math.max(0, label) * voxels + v] = 10));
        const restored = restoreSegmentation(
          tensor(devices[kind]!, logits, [count, ...properties.shape]),
          properties,
          settings,
        );
        expect(restored.shape.slice(1)).toEqual(subject.images.grid.shape);
        const back = await restored.read();
        const truth = subject.labels!.voxels;
        let [both, either] = [0, 0];
        truth.forEach((label, v) => {
          if (label > 0 || back[v]! > 0) either++;
          if (label > 0 && back[v]! > 0) both++;
        });
        if (either > 0) expect((2 * both) / (both + either)).toBeGreaterThan(0.85);
      }
    });
  });
}

describe('class locations', () => {
  it('samples as the reference', () => {
    for (const row of cases.cases.locations) {
      const made = /^procedural: ones, shape \[([\d,]+)\]/.exec(row.seg)?.[1]?.split(',').map(Number);
      const seg = made
        ? { shape: made, data: new Uint8Array(made.reduce((a, b) => a * b)).fill(1) }
        : cases.array(`class_locations/${row.seg.replace('.npy', '')}`);
      const shape = seg.shape.slice(-3) as unknown as PerAxis;
      const found = sampleClassLocations(seg.data, row.classes_or_regions);
      for (const [key, expected] of Object.entries(row.locations)) {
        const mine = found.get(key) ?? found.get(key.replace(/^\((\d+),\)$/, '$1'));
        expect(mine, key).toBeDefined();
        checkLocations(mine!, shape, expected.n, expected.first30, expected.sum);
      }
    }
  });
});

describe('shapes', () => {
  it('rounds as the reference', () => {
    for (const row of resampling.cases.shapes)
      expect(newShape(row.old_shape, row.old_spacing, row.new_spacing)).toEqual(row.new_shape);
  });
  it('refuses a spacing of zero', () => {
    expect(() => newShape([4, 4, 4], [1, 0, 1], [1, 1, 1])).toThrow(/positive millimetres/);
  });
});

describe('bad input', () => {
  const subject: Case = {
    id: 'a',
    images: { grid: alignedGrid([2, 3, 4]), kind: 'intensity', channels: ['CT'], voxels: new Float32Array(24) },
  };
  const settings: PreprocessSettings = {
    transposeForward: [0, 1, 2],
    spacing: [1, 1, 1],
    normalizationSchemes: ['ZScoreNormalization'],
    useMaskForNormalization: [false],
  };
  it('keeps an empty image whole', async () => {
    const { properties } = await preprocess(subject, settings, devices['wasm']!);
    expect(properties.box).toEqual({ start: [0, 0, 0], end: [2, 3, 4] });
  });
  it('names what does not fit', async () => {
    await expect(
      preprocess(subject, { ...settings, normalizationSchemes: ['CTNormalization'] }, devices['wasm']!),
    ).rejects.toThrow(/foreground intensities/);
    await expect(preprocess(subject, { ...settings, normalizationSchemes: [] }, devices['wasm']!)).rejects.toThrow(
      /1 channel/,
    );
    await expect(preprocess(subject, { ...settings, transposeForward: [0, 0, 2] }, devices['wasm']!)).rejects.toThrow(
      /permutation/,
    );
    await expect(
      preprocess(subject, { ...settings, normalizationSchemes: ['Other' as 'NoNormalization'] }, devices['wasm']!),
    ).rejects.toThrow(/known are/);
  });
  it('refuses logits of another shape', async () => {
    const { properties } = await preprocess(subject, settings, devices['wasm']!);
    expect(() =>
      restoreSegmentation(tensor(devices['wasm']!, new Float32Array(8), [1, 2, 2, 2]), properties, settings),
    ).toThrow(/preprocessed image/);
  });
  it('puts voxels back where they were', async () => {
    const voxels = Float32Array.from({ length: 24 }, (_, k) => (k > 13 ? k : 0));
    const { case: done, properties } = await preprocess(
      { ...subject, images: { ...subject.images, voxels } },
      { ...settings, transposeForward: [2, 0, 1], normalizationSchemes: ['NoNormalization'] },
      devices['wasm']!,
    );
    expect([...(await restoreVoxels(done.images.voxels, properties).read())]).toEqual([...voxels]);
  });
});

function checkLocations(found: Uint32Array, shape: PerAxis, n: number, first: number[][], sum: number[]): void {
  const rows = [...found].map((v) => [
    0,
    Math.floor(v / (shape[1] * shape[2])),
    Math.floor(v / shape[2]) % shape[1],
    v % shape[2],
  ]);
  expect(rows.length).toBe(n);
  expect(rows.slice(0, first.length)).toEqual(first);
  if (n > 0) expect(rows.reduce((a, row) => a.map((s, k) => s + row[k]!), [0, 0, 0, 0])).toEqual(sum);
}

function caseOf(row: CaseRow): { subject: Case; settings: PreprocessSettings } {
  const image = cases.array(`${row.set}/${row.case}/image`);
  const labels = cases.array(`${row.set}/${row.case}/labels`);
  const grid = alignedGrid(image.shape.slice(1) as unknown as PerAxis, row.golden.properties.spacing);
  const channels = Object.values(row.dataset.channel_names);
  return {
    subject: {
      id: row.case,
      images: { grid, kind: 'intensity', channels, voxels: image.data },
      labels: { grid, kind: 'labels', channels: ['labels'], voxels: labels.data },
    },
    settings: {
      transposeForward: row.transposeForward,
      spacing: row.plan.spacing,
      normalizationSchemes: row.plan.normalization_schemes,
      useMaskForNormalization: row.plan.use_mask_for_norm,
      foregroundIntensities: Object.values(row.intensities),
      foreground: Object.values(row.dataset.labels).filter((label) => label !== 0),
    },
  };
}
