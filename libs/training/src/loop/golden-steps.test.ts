import { createReferenceDevice, createWasmDevice, tensor, type Device } from '@voxelwise/compute';
import { buildNetwork, loadWeights, parametersOf, stateDictEntries } from '@voxelwise/nets';
import { labelScheme } from '@voxelwise/planner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GOLDEN_NETWORKS, goldenNetwork } from '../../../nets/src/testing/golden-network.ts';
import { lossNamed } from '../losses/catalogue.ts';
import { outputWeights } from '../losses/targets.ts';
import { makeOptimizer } from '../optimizers/optimizer.ts';
import { learnFrom } from './network-step.ts';

let wasm: Device;
beforeAll(async () => {
  wasm = await createWasmDevice({ threads: 1 });
});
afterAll(() => wasm.dispose());

/** Five steps of the reference's own trainer, on one batch: same losses, same gradient norms, same weights. */
describe.each(GOLDEN_NETWORKS)('five steps of %s', (name) => {
  it.each(['wasm', 'reference'] as const)('follow the reference on %s', async (kind) => {
    const golden = goldenNetwork(name);
    if (kind === 'reference' && golden.patch.length === 3) return; // minutes of plain loops
    const device = kind === 'wasm' ? wasm : createReferenceDevice();
    const labels = labelScheme(golden.labels, golden.regionsClassOrder);
    const network = buildNetwork(golden.config);
    loadWeights(network, device, golden.weights);
    const parameters = new Map(Array.from(parametersOf(network), ([path, parameter]) => [path, parameter.value]));
    const optimizer = makeOptimizer(
      device,
      { name: 'sgd', learningRate: 0.01, momentum: 0.99, nesterov: true, weightDecay: 3e-5 },
      parameters,
    );
    const loss = lossNamed('dice+ce', labels, { batchDice: golden.batchDice });
    const { trace } = golden;
    const outputs = trace.deepSupervisionWeights.length;
    outputWeights(outputs).forEach((weight, k) => expect(weight).toBeCloseTo(trace.deepSupervisionWeights[k]!, 12));
    const parts = {
      device,
      config: golden.config,
      network,
      labels,
      loss,
      settings: { deepSupervision: true, clipNorm: 12 },
    };
    const input = golden.array('input')!;
    const image = tensor(device, input.data as Float32Array, input.shape);
    const targets = Array.from({ length: outputs - 1 }, (_, k) => {
      const target = golden.array(`train_target_ds${k}`)!;
      const voxels = target.shape.slice(2).reduce((product, n) => product * n, 1);
      const isMask = (k: number): boolean =>
        labels.ignoreLabel !== undefined && Math.floor(k / voxels) % target.shape[1]! === target.shape[1]! - 1;
      // The reference's last region channel is 1 where the annotation does not hold, ours where it does.
      const region = (value: number, k: number): number => (isMask(k) ? 1 - value : value);
      const data = Int32Array.from(target.data, (label, k) =>
        labels.hasRegions ? region(label, k) : label === labels.ignoreLabel ? -1 : Math.max(0, label),
      );
      return tensor(device, data, target.shape);
    });
    for (const [step, expected] of trace.losses.entries()) {
      const { loss: value, norm } = learnFrom(
        parts,
        image,
        targets,
        optimizer,
        [...parameters.values()],
        trace.learningRates[step]!,
        step + 1,
      );
      expect(Math.abs((await value.read())[0]! - expected), `loss of step ${step}`).toBeLessThan(1e-4);
      // Later gradients carry the rounding of the steps before, grown by the curvature.
      expect(
        Math.abs((await norm.read())[0]! / trace.gradientNorms[step]! - 1),
        `gradient norm of step ${step}`,
      ).toBeLessThan(step === 0 ? 1e-4 : 1e-2);
    }
    const after = golden.array('weights_after_iter5') && golden.stateDictArrays('weights_after_iter5');
    for (const { ours, theirs, alias } of stateDictEntries(golden.config)) {
      if (alias) continue;
      const found = (await parameters.get(ours)!.read()) as Float32Array;
      // Single precision sums move a few voxels across the kink of the leaky ReLU; a tiny network's gradient jumps there.
      if (after)
        after
          .get(theirs)!
          .data.forEach((weight, k) =>
            expect(Math.abs(weight - found[k]!), `${theirs}[${k}]`).toBeLessThan(kind === 'wasm' ? 3e-4 : 1e-5),
          );
      else
        expect(Math.sqrt(found.reduce((sum, w) => sum + w * w, 0)), theirs).toBeCloseTo(
          trace.weightsAfter5[theirs]!.l2,
          4,
        );
    }
  });
});
