/**
 * Four steps of AdamW with AMSGrad, and of Adam with its coupled decay, against PyTorch 1.13; of Adan against its formulas in
 * NumPy, in double precision.
 */
import { createReferenceDevice, createWasmDevice, tensor, type Device } from '@voxelwise/compute';
import { describe, expect, it } from 'vitest';
import type { TrainingSettings } from '../recipes/training-settings.ts';
import { trainerNamed } from '../recipes/trainers.ts';
import { makeOptimizer } from './optimizer.ts';

const START = [0.5, -1, 2, 30];
const GRADIENT = [0.3, -2, 0.01, 5];
const SHRUNK = [1, 0.1, -0.5, 0.02];
const AFTER: Readonly<Record<string, readonly number[]>> = {
  nnUNetTrainerAdam1en3: [0.4978344142436981, -0.9978342652320862, 1.9978339672088623, 29.99782943725586],
  nnUNetTrainerAdan: [0.5200260908508471, -1.020025491752986, 2.020024260088741, 30.019990691874565],
  nnUNetTrainerAdan1en3: [0.502002610246985, -1.0020025503371586, 2.002002427170651, 30.00199907034696],
  nnUNetTrainerVanillaAdam: [0.47834232449531555, -0.9783435463905334, 1.978123426437378, 29.978336334228516],
};

const devices: Readonly<Record<string, () => Device | Promise<Device>>> = {
  reference: createReferenceDevice,
  wasm: () => createWasmDevice({ threads: 1 }),
};

describe.each(Object.keys(devices))('on %s', (kind) => {
  it.each(Object.keys(AFTER))('%s steps as its reference', async (name) => {
    const device = await devices[kind]!();
    const { settings } = trainerNamed(name)!;
    const optimizerSettings = (settings as Partial<TrainingSettings>).optimizer!;
    const weight = tensor(device, START, [4]);
    const optimizer = makeOptimizer(device, optimizerSettings, new Map([['w', weight]]));
    expect([...optimizer.state.keys()].includes('greatest.w')).toBe(name === 'nnUNetTrainerAdam1en3');
    for (const [k, factor] of SHRUNK.entries()) {
      const gradient = tensor(
        device,
        GRADIENT.map((g) => g * factor),
        [4],
      );
      optimizer.apply([gradient], { rate: optimizerSettings.learningRate, step: k + 1, clipNorm: 1e6 });
    }
    // A gradient that is no number leaves all as it is.
    const before = [...optimizer.state.values(), weight];
    const kept = await Promise.all(before.map((one) => one.read()));
    optimizer.apply([tensor(device, [NaN, 1, 1, 1], [4])], { rate: 1, step: 5, clipNorm: 12 });
    expect(await Promise.all(before.map((one) => one.read()))).toEqual(kept);
    const found = await weight.read();
    AFTER[name]!.forEach((value, k) => expect(Math.abs(found[k]! / value - 1)).toBeLessThan(1e-6));
    device.dispose();
  });
});
