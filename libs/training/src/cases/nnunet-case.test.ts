/** Cases as NumPy and pickle write them for nnU-Net's data loader. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigurationPlan } from '@voxelwise/planner';
import { expect, it } from 'vitest';
import { caseFromNnunet, type NnunetCaseFiles } from './nnunet-case.ts';

const python = ['/usr/bin/python3', 'python3'].find((command) => {
  try {
    execFileSync(command, ['-c', 'import numpy'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});
const plan = {
  channels: [{}, {}],
  spacing: [2, 1, 1],
  transposeForward: [2, 0, 1],
} as unknown as ConfigurationPlan;

function written(): NnunetCaseFiles {
  const folder = mkdtempSync(join(tmpdir(), 'case-'));
  const script = `
import numpy as np, pickle, sys
from collections import OrderedDict
data = np.arange(2*3*4*5, dtype=np.float32).reshape(2, 3, 4, 5)
seg = (np.arange(60).reshape(1, 3, 4, 5) % 3 - 1).astype(np.int16)
np.savez_compressed(sys.argv[1] + '/a.npz', data=data, seg=seg)
locations = {1: np.argwhere(seg == 1), (1, 2): np.argwhere(seg == 1)[:3], 2: []}
pickle.dump({'sitk_stuff': {'origin': (0., 1., 2.)}, 'spacing': [1.0, 1.0, 4.0], 'shape_before_cropping': (2, 4, 5), 'bbox_used_for_cropping': [[0, 2], (0, 4), [0, 5]], 'shape_after_cropping_and_before_resampling': (np.int64(2), 4, 5)[0:1] + (4, 5),
  'class_locations': OrderedDict(locations)}, open(sys.argv[1] + '/a.pkl', 'wb'))`;
  execFileSync(python!, ['-c', script, folder]);
  const path = join(folder, 'a.npz');
  return { id: 'a', arrays: readFileSync(path), properties: readFileSync(join(folder, 'a.pkl')), path };
}

const fixtures = new URL('../../fixtures/nnunet-case/', import.meta.url);
/** As nnU-Net saves cases since 2.6, by python-blosc2 and NumPy 2 (tools/fixtures/blosc2_arrays.py). */
function saved(): NnunetCaseFiles {
  const [arrays, labels, properties] = ['a.b2nd', 'a_seg.b2nd', 'a.pkl'].map((name) =>
    readFileSync(new URL(name, fixtures)),
  ) as [Uint8Array, Uint8Array, Uint8Array];
  return { id: 'a', arrays, labels, properties, path: 'a.b2nd' };
}

async function check(files: NnunetCaseFiles): Promise<void> {
  // Two slices of 4 mm become four of 2 mm.
  await expect(caseFromNnunet(files, plan)).rejects.toThrow(/a\.(npz|b2nd): is 3×4×5 voxels, this plan makes 4×4×5/);
  const fitting = { ...plan, spacing: [8 / 3, 1, 1] };
  const { shape, image, labels, locations, properties } = await caseFromNnunet(files, fitting);
  expect(properties).toEqual({
    spacing: [1, 1, 4],
    transposeForward: [2, 0, 1],
    shapeBeforeCropping: [2, 4, 5],
    box: { start: [0, 0, 0], end: [2, 4, 5] },
    shapeAfterCropping: [2, 4, 5],
    shape: [3, 4, 5],
    targetSpacing: [8 / 3, 1, 1],
  });
  expect(shape).toEqual([3, 4, 5]);
  expect(image[61]).toBe(61);
  expect([...labels.subarray(0, 4)]).toEqual([-1, 0, 1, -1]);
  expect([...locations.keys()]).toEqual(['1', '(1, 2)', '2']);
  expect([...locations.get('1')!]).toEqual([...labels.keys()].filter((v) => labels[v] === 1));
  expect(locations.get('(1, 2)')!.length).toBe(3);
  expect(locations.get('2')!.length).toBe(0);
  await expect(caseFromNnunet(files, { ...fitting, channels: plan.channels.slice(1) })).rejects.toThrow(
    /holds 2 channel\(s\), the plan 1/,
  );
}

it.skipIf(python === undefined)('reads arrays and class locations of .npz, and refuses those of another plan', () =>
  check(written()),
);

it('reads the same of .b2nd, and says which of its files is damaged', async () => {
  await check(saved());
  const cut = { ...saved(), labels: saved().labels!.subarray(0, 300) };
  await expect(caseFromNnunet(cut, plan)).rejects.toThrow(/^a_seg\.b2nd: the frame takes 479 bytes/);
});
