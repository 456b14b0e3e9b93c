/** Label transforms and post-processing against MONAI's and TorchIO's goldens. */
import { describe, expect, it } from 'vitest';
import { createReferenceDevice, createWasmDevice, distance as distanceOp, Philox, tensor } from '@voxelwise/compute';
import { alignedGrid } from '@voxelwise/volume';
import { distance, golden } from '../../fixtures/golden.ts';
import { excess, inputVolume, sceneFile, type GoldenCase } from '../../fixtures/scenes.ts';
import type { Scene, Transform } from '../contract/transform.ts';
import {
  contour,
  decide,
  fillLabelHoles,
  keepLargest,
  keepLargestIn,
  labelMask,
  oneHotLabels,
  regionChannels,
  remap,
  removeLabels,
  removeSmall,
  selectLabels,
  sequentialLabels,
} from './labels.ts';

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- parameters of many shapes, straight from JSON */
type Any = any;
const device = createReferenceDevice();
const post = sceneFile('monai-post');
const connectivity = (k: Any): 6 | 18 | 26 => (k === 1 ? 6 : k === 2 ? 18 : 26);
const list = (value: Any): number[] | null => (value === undefined ? null : [value].flat());

const transforms: Record<string, (p: Any) => Transform<Any> | undefined> = {
  KeepLargestConnectedComponent: (p) =>
    p.is_onehot
      ? undefined
      : keepLargest({
          labels: list(p.applied_labels),
          independent: p.independent ?? true,
          connectivity: connectivity(p.connectivity),
          count: p.num_components ?? 1,
        }),
  FillHoles: (p) => fillLabelHoles({ labels: list(p.applied_labels), connectivity: connectivity(p.connectivity) }),
  RemoveSmallObjects: (p) =>
    removeSmall({ leastVoxels: p.min_size, connectivity: connectivity(p.connectivity ?? 1), independent: false }),
  LabelFilter: (p) => selectLabels(p.applied_labels),
  LabelToContour: () => contour(),
};

describe("MONAI's post-processing", () => {
  const rows = post.cases.cases.filter((row) => transforms[row.op]?.(row.params));
  it.each(rows.map((row) => [row.id, row] as const))('%s', async (_id, row: GoldenCase) => {
    const labels = inputVolume(post, row.inputs['x'] as string, 'labels', device);
    let scene: Scene = { id: row.id, images: labels, labels };
    if ((row.params as Any).pre === 'x==1')
      scene = await labelMask([1]).apply(scene, await labelMask([1]).sample(scene, new Philox(1)));
    const transform = transforms[row.op]!(row.params)!;
    const result = await transform.apply(
      scene,
      JSON.parse(JSON.stringify(await transform.sample(scene, new Philox(1)))) as Any,
    );
    const expected = post.array(row.outputs['out']!.array!);
    expect(excess(await result.labels!.voxels.read(), expected.data, { atol: 1e-5, rtol: 0 }).share).toBe(0);
  });

  it('keeps the largest of chosen channels of a one-hot', async () => {
    const row = post.cases.cases.find(({ id }) => id === 'klcc_onehot')!;
    let scene: Scene = { id: 's', images: inputVolume(post, 'logits', 'intensity', device) };
    scene = await decide().apply(scene, { regions: null });
    const labels = await scene.images.voxels.read();
    const [nz, ny, nx] = scene.images.grid.shape;
    const kept = (row.params as Any).applied_labels as number[];
    const expected = post.array(row.outputs['out']!.array!).data;
    for (let k = 0; k < 4; k++) {
      const channel = Float64Array.from(labels, (label) => (label === k ? 1 : 0));
      const result = kept.includes(k)
        ? keepLargestIn(channel, [nz, ny, nx], {
            labels: null,
            independent: true,
            connectivity: 26,
            count: 1,
            ties: 'first',
          })
        : channel;
      expect(distance(result, expected.subarray(k * labels.length, (k + 1) * labels.length))).toBe(0);
    }
  });

  it('measures distances', async () => {
    const row = post.cases.cases.find(({ op }) => op === 'DistanceTransformEDT')!;
    const wasm = await createWasmDevice({ threads: 1 });
    const { data, shape } = post.array('in_labelmap');
    for (const on of [device, wasm]) {
      const mask = tensor(
        on,
        Uint8Array.from(data, (label) => (label === 1 ? 1 : 0)),
        shape,
      );
      expect(
        distance(
          await distanceOp({ mask }, { spacing: (row.params as Any).sampling }).read(),
          post.array(row.outputs['out']!.array!).data,
        ),
      ).toBeLessThan(1e-5);
    }
    wasm.dispose();
  });
});

describe('labels', () => {
  const monai = sceneFile('monai-transforms');
  const torchio = sceneFile('monai-torchio');
  const apply = async (transform: Transform<Any>, file: typeof monai, name: string): Promise<ArrayLike<number>> => {
    const labels = inputVolume(file, name, 'labels', device);
    const scene: Scene = { id: 's', images: labels, labels };
    return (await transform.apply(scene, await transform.sample(scene, new Philox(1)))).labels!.voxels.read();
  };
  const expected = (file: typeof monai, id: string, output: string): ArrayLike<number> =>
    file.array(file.cases.cases.find((c) => c.id === id)!.outputs[output]!.array!).data;

  it('become other labels', async () => {
    const { orig, target } = monai.cases.cases.find(({ id }) => id === 'maplabel')!.params as Any;
    expect(
      distance(
        await apply(
          remap(Object.fromEntries(orig.map((label: number, k: number) => [label, target[k]]))),
          monai,
          'lab',
        ),
        expected(monai, 'maplabel', 'label'),
      ),
    ).toBe(0);
    expect(distance(await apply(labelMask([1, 3]), monai, 'lab'), expected(monai, 'labeltomask', 'mask'))).toBe(0);
    expect(
      distance(await apply(remap({ 1: 3, 2: 2, 3: 1 }), torchio, 'lab'), expected(torchio, 'label_remap', 'label')),
    ).toBe(0);
    expect(distance(await apply(removeLabels([2]), torchio, 'lab'), expected(torchio, 'label_remove', 'label'))).toBe(
      0,
    );
    expect(
      distance(await apply(sequentialLabels(), torchio, 'lab'), expected(torchio, 'label_sequential', 'label')),
    ).toBe(0);
  });
  it('become channels', async () => {
    expect(distance(await apply(oneHotLabels(4), torchio, 'lab'), expected(torchio, 'label_onehot', 'label'))).toBe(0);
    expect(
      distance(
        await apply(regionChannels([[1, 4], [1, 2, 4], 4]), monai, 'brats'),
        expected(monai, 'brats_multichannel', 'label'),
      ),
    ).toBe(0);
  });
  it('keep every largest component of equal size where asked to', () => {
    const file = golden<unknown>('nnunet-transforms');
    for (const name of ['0', '1', '2', 'tie', 'diagonal']) {
      const { data, shape } = file.array(`largest_component_${name}_in`);
      const result = keepLargestIn(Float64Array.from(data), shape as unknown as [number, number, number], {
        labels: null,
        independent: true,
        connectivity: 26,
        count: 1,
        ties: 'all',
      });
      expect(distance(result, file.array(`largest_component_${name}_out`).data)).toBe(0);
    }
  });
  it('refuses a size without a unit', () => {
    expect(() => removeSmall({})).toThrow(/leastVoxels or leastMm3/);
  });
  it('has a size in cubic millimetres', async () => {
    const labels = {
      grid: alignedGrid([1, 1, 5], [2, 1, 1]),
      kind: 'labels',
      channels: ['l'],
      voxels: tensor(device, Int32Array.from([1, 0, 1, 1, 1]), [1, 1, 1, 5]),
    } as const;
    const step = removeSmall({ leastMm3: 5 });
    const scene: Scene = { id: 's', images: labels, labels };
    const result = await step.apply(scene, await step.sample(scene, new Philox(1)));
    expect([...(await result.labels!.voxels.read())]).toEqual([0, 0, 1, 1, 1]);
  });
});
