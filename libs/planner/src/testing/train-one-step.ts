/** A training step with real tensors, for measuring what it takes. */
import {
  add,
  type Device,
  diceCrossEntropy,
  scope,
  sgd,
  type Tensor,
  tensor,
  valueAndGradients,
  zeros,
} from '@voxelwise/compute';
import { buildNetwork, initialize, type NetworkConfig, parametersOf } from '@voxelwise/nets';

export function trainOneStep(device: Device, config: NetworkConfig, shape: readonly number[]): void {
  const network = buildNetwork(config);
  initialize(network, device, { seed: 1 });
  const weights = [...parametersOf(network).values()].map((parameter) => parameter.value);
  const velocities = weights.map((weight) => zeros(device, weight.shape));
  const image = zeros(device, shape);
  const [rate, scale] = [tensor(device, [0.01], []), tensor(device, [1], [])];
  scope(() => {
    const { gradients } = valueAndGradients(() => {
      const outputs = network.forward(image, { deepSupervision: true }) as readonly Tensor[];
      const losses = (outputs.length > 1 ? outputs.slice(0, -1) : outputs).map((logits) => {
        const target = zeros(device, [logits.shape[0]!, 1, ...logits.shape.slice(2)], 'i32');
        return diceCrossEntropy({ logits, target }, { batchDice: false, smooth: 1e-5, ignoreLabel: null });
      });
      return losses.reduce((a, b) => add({ a, b }));
    }, weights);
    gradients.forEach((gradient, i) => {
      if (gradient === undefined) return;
      sgd(
        { weight: weights[i]!, velocity: velocities[i]!, gradient, rate, scale },
        { momentum: 0.99, nesterov: true, weightDecay: 3e-5 },
      );
    });
  });
}
