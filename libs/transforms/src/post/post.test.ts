/** Activations, discrete values, gradients and ensembles against MONAI's goldens. */
import { describe, expect, it } from 'vitest';
import { createReferenceDevice, Philox } from '@voxelwise/compute';
import { excess, inputVolume, sceneFile } from '../../fixtures/scenes.ts';
import type { Scene, Transform } from '../contract/transform.ts';
import { decide, oneHotLabels } from '../labels/labels.ts';
import { activate, binarize, round, sobel } from './activations.ts';
import { meanOfPredictions, voteOfPredictions } from './ensembles.ts';

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- parameters of many shapes */
type Any = any;
const device = createReferenceDevice();
const post = sceneFile('monai-post');
const row = (id: string): (typeof post.cases.cases)[number] => post.cases.cases.find((entry) => entry.id === id)!;
const expected = (id: string): ArrayLike<number> => post.array(row(id).outputs['out']!.array!).data;

async function through(
  input: string,
  kind: 'intensity' | 'labels',
  ...steps: Transform<Any>[]
): Promise<ArrayLike<number>> {
  let scene: Scene = { id: 's', images: inputVolume(post, input, kind, device) };
  for (const step of steps) scene = await step.apply(scene, await step.sample(scene, new Philox(1)));
  return scene.images.voxels.read();
}

describe("MONAI's activations and discrete values", () => {
  it.each([
    ['act_softmax', () => through('logits', 'intensity', activate('softmax'))],
    ['act_sigmoid', () => through('logits', 'intensity', activate('sigmoid'))],
    ['asdiscrete_argmax', () => through('logits', 'intensity', decide())],
    ['asdiscrete_argmax_onehot', () => through('logits', 'intensity', decide(), oneHotLabels(4))],
    ['asdiscrete_threshold', () => through('logits', 'intensity', binarize(0.5))],
    ['asdiscrete_round', () => through('logits', 'intensity', round())],
    ['asdiscrete_onehot', () => through('labelmap', 'labels', oneHotLabels(4))],
    ['sobel', () => through('logits', 'intensity', sobel())],
  ] as const)('%s', async (id, found) => {
    expect(excess(await found(), expected(id), row(id)).worst).toBeLessThanOrEqual(0);
  });
  it('refuse what cannot be', () => {
    expect(() => activate('relu' as never)).toThrow(/softmax/);
    expect(() => binarize(NaN)).toThrow(/finite/);
  });
});

describe("MONAI's ensembles", () => {
  const { data, shape } = post.array('in_ens');
  const size = data.length / shape[0]!;
  const members = Array.from({ length: shape[0]! }, (_, k) => data.subarray(k * size, (k + 1) * size));
  it('average, with and without weights', () => {
    expect(
      excess(meanOfPredictions(members), expected('mean_ensemble'), row('mean_ensemble')).worst,
    ).toBeLessThanOrEqual(0);
    expect(
      excess(meanOfPredictions(members, [0.5, 1, 2]), expected('mean_ensemble_w'), row('mean_ensemble_w')).worst,
    ).toBeLessThanOrEqual(0);
  });
  it('vote', () => {
    const voxels = size / 4;
    const labels = members.map((member) =>
      Int32Array.from({ length: voxels }, (_, v) => {
        let best = 0;
        for (let c = 1; c < 4; c++) if (member[c * voxels + v]! > member[best * voxels + v]!) best = c;
        return best;
      }),
    );
    expect(excess(voteOfPredictions(labels, 4), expected('vote_ensemble'), { atol: 0, rtol: 0 }).share).toBe(0);
  });
  it('refuse members that do not fit', () => {
    expect(() => meanOfPredictions([])).toThrow(/at least one/);
    expect(() => meanOfPredictions([[1], [1, 2]])).toThrow(/one size/);
    expect(() => meanOfPredictions([[1]], [0])).toThrow(/positive sum/);
    expect(() => voteOfPredictions([[4]], 4)).toThrow(/0 to 3/);
  });
});
