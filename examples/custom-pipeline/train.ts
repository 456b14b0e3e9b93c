/**
 * A pipeline of one's own: load, 1 mm voxels, one orientation, intensity range, foreground, four balanced crops, flips and
 * rotations, a U-Net and its Dice loss. Run: npx tsx train.ts [crop edge] [steps]
 */
import { concat, createWasmDevice, Philox, reshape, scope, valueAndGradients, type Tensor } from '@voxelwise/compute';
import { readVolume } from '@voxelwise/io/node';
import { buildNetwork, initialize, parametersOf } from '@voxelwise/nets';
import { diceLoss, makeOptimizer } from '@voxelwise/training';
import {
  balancedCrops,
  cropForeground,
  flip,
  orientation,
  pad,
  percentileRange,
  rotate,
  run,
  sequence,
  spacing,
  upload,
  withProbability,
} from '@voxelwise/transforms';

const [edge, steps] = [Number(process.argv[2] ?? 32), Number(process.argv[3] ?? 6)];
const data = new URL('../data/hippocampus/', import.meta.url).pathname;
const device = await createWasmDevice();
const random = new Philox(7);

const prepare = sequence(
  spacing({ spacingMm: [1, 1, 1], sampling: { interpolation: 'linear' } }),
  orientation('SAR'),
  percentileRange({ lower: 1, upper: 99, to: [0, 1], clip: true }),
  cropForeground(),
  pad([edge, edge, edge]),
);
const augment = sequence(
  ...[0, 1, 2].map((axis) => withProbability(0.5, flip([axis]))),
  withProbability(0.3, rotate({ degrees: [-15, 15] })),
);

const cases = await Promise.all(
  ['hippocampus_004', 'hippocampus_006', 'hippocampus_007'].map(async (id) => {
    const labels = await readVolume(`${data}labelsTr/${id}.nii.gz`);
    const scene = upload(
      { id, images: await readVolume(`${data}imagesTr/${id}.nii.gz`), labels: { ...labels, kind: 'labels' } },
      device,
    );
    return run(prepare, scene, random.split(id));
  }),
);

const wide = [3, 3, 3];
const network = buildNetwork({
  network: 'PlainConvUNet',
  inputChannels: 1,
  outputChannels: 3,
  featuresPerStage: [8, 16, 32],
  kernelSizes: [wide, wide, wide],
  strides: [
    [1, 1, 1],
    [2, 2, 2],
    [2, 2, 2],
  ],
  encoderDepths: [2, 2, 2],
  decoderDepths: [2, 2],
  convolutionBias: true,
  normEpsilon: 1e-5,
  slope: 0.01,
});
initialize(network, device, { seed: 1 });
const parameters = new Map([...parametersOf(network)].map(([name, { value }]) => [name, value]));
const optimizer = makeOptimizer(
  device,
  { name: 'adamw', learningRate: 3e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-5 },
  parameters,
);

for (let step = 1; step <= steps; step++) {
  const rng = random.split('step').split(step);
  const crops = await balancedCrops(
    cases[step % cases.length]!,
    { size: [edge, edge, edge], positive: 1, negative: 1, count: 4 },
    rng,
  );
  const patches = await Promise.all(crops.map((crop, k) => run(augment, crop, rng.split(k))));
  const batch = (of: 'images' | 'labels'): Tensor =>
    concat(
      Object.fromEntries(
        patches.map((patch, k) => [`p${k}`, reshape({ x: patch[of]!.voxels }, { shape: [1, 1, edge, edge, edge] })]),
      ),
      { axis: 0 },
    );
  const loss = scope(() => {
    const [x, target] = [batch('images'), batch('labels')];
    const { value, gradients } = valueAndGradients(
      () => diceLoss(network.forward(x) as Tensor, target, { activation: 'softmax', includeBackground: false }),
      [...parameters.values()],
    );
    optimizer.apply(gradients, { rate: 3e-3, step, clipNorm: 12 });
    return value;
  });
  console.log(`step ${step}   Dice loss ${(await loss.read())[0]!.toFixed(4)}`);
  for (const { voxels } of [...crops, ...patches].flatMap(({ images, labels }) => [images, labels!])) voxels.dispose();
}
device.dispose();
