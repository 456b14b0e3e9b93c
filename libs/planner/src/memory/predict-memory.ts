/**
 * How much memory a plan needs on our own devices: its network is run on a device that plans the work and holds no numbers.
 * No formula by hand, nothing computed.
 */
import {
  add,
  createPlanningDevice,
  type Device,
  diceBinaryCrossEntropy,
  diceCrossEntropy,
  type DType,
  scope,
  sgd,
  type Shape,
  Tensor,
  valueAndGradients,
} from '@voxelwise/compute';
import { buildNetwork, type NetworkConfig, parametersOf } from '@voxelwise/nets';

/** What the WASM device keeps of transformed weights at most: a sixteenth of the memory it may have. */
const KEPT_BYTES = 2 ** 28;

/** The most bytes that some work needs at once, on the WASM device that it would be done on. */
export async function predictMemory(
  work: (device: Device) => void,
  { threads }: { readonly threads?: number | undefined } = {},
): Promise<number> {
  const device = createPlanningDevice({ keptBytes: KEPT_BYTES, ...(threads === undefined ? {} : { threads }) });
  try {
    work(device);
    await device.flush();
    return device.memory().peakBytes;
  } finally {
    device.dispose();
  }
}

export interface PlanMemoryOptions {
  readonly network: NetworkConfig;
  readonly patchSize: readonly number[];
  readonly batchSize: number;
  /** A step of training (with momentum and all resolutions in the loss), or a window of inference. */
  readonly training: boolean;
  /** Whether the outputs are overlapping regions. Default false. */
  readonly regions?: boolean;
  /** Of the device. Default: all cores. */
  readonly threads?: number;
}

/** The peak of one training step or one inference window of a network, in bytes. */
export function predictPlanMemory(options: PlanMemoryOptions): Promise<number> {
  const { network: config, patchSize, batchSize } = options;
  return predictMemory((device) => {
    const network = buildNetwork(config);
    const parameters = [...parametersOf(network).values()];
    for (const parameter of parameters) parameter.value = blank(device, parameter.shape);
    const image = blank(device, [batchSize, config.inputChannels, ...patchSize]);
    if (!options.training) {
      scope(() => network.forward(image));
      return;
    }
    const weights = parameters.map((parameter) => parameter.value);
    const velocities = weights.map((weight) => blank(device, weight.shape));
    const rate = blank(device, []);
    scope(() => {
      const { gradients } = valueAndGradients(() => {
        const outputs = [network.forward(image, { deepSupervision: true })].flat() as Tensor[];
        // The lowest resolution has no weight in the loss, unless it is the only one.
        const counted = outputs.length > 1 ? outputs.slice(0, -1) : outputs;
        return counted.map((logits) => lossOf(logits, options.regions ?? false)).reduce((a, b) => add({ a, b }));
      }, weights);
      gradients.forEach((gradient, i) => {
        if (gradient === undefined) return;
        sgd(
          { weight: weights[i]!, velocity: velocities[i]!, gradient, rate, scale: rate },
          { momentum: 0.99, nesterov: true, weightDecay: 3e-5 },
        );
      });
    });
  }, options);
}

function lossOf(logits: Tensor, regions: boolean): Tensor {
  const [samples, channels, ...space] = logits.shape;
  const options = { batchDice: false, smooth: 1e-5 };
  if (regions)
    return diceBinaryCrossEntropy({ logits, target: blank(logits.device, [samples!, channels!, ...space]) }, options);
  return diceCrossEntropy(
    { logits, target: blank(logits.device, [samples!, 1, ...space], 'i32') },
    { ...options, ignoreLabel: null },
  );
}

/** A tensor without numbers: the lifetime device only looks at shapes. */
function blank(device: Device, shape: Shape, dtype: DType = 'f32'): Tensor {
  const spec = { shape, dtype };
  return new Tensor(spec, device, device.upload(new Float32Array(0), spec));
}
