/** A fold as an ONNX file, and beside it in plain JSON what has to be done before and after the network. */
import { gaussianWeights, patchOf, preprocessSettings, type Model } from '@voxelwise/inference';
import { encodeNetworkOnnx, encodeOnnx } from '@voxelwise/nets';

/**
 * The ONNX file of the model's first fold. A network of somebody's own takes one patch at a time.
 * Throws: WeightsError; NetworkError where such a network does what ONNX cannot.
 */
export function onnxNetwork(model: Model): Uint8Array {
  const { plan, folds, build } = model;
  const { weights, name: fold } = folds[0]!;
  const metadata = { configuration: plan.name, dataset: plan.datasetName, fold };
  return build
    ? encodeNetworkOnnx(build(plan.network), weights, { shapes: [onePatch(model)], metadata })
    : encodeOnnx(plan.network, weights, metadata);
}

const onePatch = ({ plan }: Model): number[] => [1, plan.network.inputChannels, ...plan.patchSize];

/** Pre- and post-processing as numbers: whoever runs the network elsewhere finds here what nnU-Net does around it. */
export function onnxProcedure(model: Model, file: string): object {
  const { plan, folds, mirrorAxes } = model;
  const { labels, channels, network } = plan;
  const settings = preprocessSettings(plan);
  const patch = patchOf(plan);
  const names = labels.hasRegions ? labels.foregroundNames : ['background', ...labels.foregroundNames];
  return {
    format: 'voxelwise onnx procedure 1',
    network: {
      file,
      input: {
        name: 'image',
        axes: plan.dimensions === 2 ? ['batch', 'channel', 'y', 'x'] : ['batch', 'channel', 'z', 'y', 'x'],
        channels: network.inputChannels,
        ...(model.build ? { shape: onePatch(model) } : {}),
      },
      output: { name: 'logits', channels: names.map((name, channel) => ({ channel, name })) },
    },
    dataset: plan.datasetName,
    configuration: plan.name,
    fold: folds[0]!.name,
    preprocessing: {
      order: [
        'transpose',
        'crop to nonzero',
        'normalize',
        'resample',
        ...(plan.previousStage === undefined ? [] : ['append previous stage']),
      ],
      transpose: settings.transposeForward,
      crop: 'the smallest box of voxels that are not zero in any channel, holes filled',
      channels: channels.map(({ name, normalization, useMask, intensities }) => ({
        name,
        normalization,
        onlyInsideNonzero: useMask,
        ...(intensities ? { foregroundIntensities: intensities } : {}),
      })),
      spacing: {
        millimetres: plan.spacing,
        axes: plan.spacing.length === 2 ? 'the two axes of a slice, transposed order' : 'transposed order',
      },
      resampling: settings.resampling?.data,
      ...(plan.previousStage === undefined
        ? {}
        : {
            previousStage: {
              configuration: plan.previousStage,
              labels: labels.foregroundLabels,
              as: 'one 0/1 channel each, behind the image',
              resampling: settings.resampling?.labels,
            },
          }),
    },
    slidingWindow: {
      patch: plan.patchSize,
      padding: 'zeros on both sides up to one patch, the odd voxel behind',
      step: 0.5,
      weights: {
        kind: 'gaussian',
        sigma: plan.patchSize.map((n) => n / 8),
        highest: 10,
        lowest: Math.min(...gaussianWeights(plan.dimensions === 2 ? patch.slice(1) : patch)),
      },
      mirrorAxes: { zyx: mirrorAxes, average: 'logits over all combinations' },
      windows: plan.dimensions === 2 ? 'every slice along the first axis' : 'all three axes',
    },
    postprocessing: {
      order: ['resample logits to the cropped shape', 'decide', 'insert into the uncropped shape', 'transpose back'],
      resampling: settings.resampling?.probabilities,
      decide: labels.hasRegions
        ? {
            rule: 'regions in turn: sigmoid above 0.5 writes its label over those before',
            labels: labels.regionsClassOrder,
          }
        : {
            rule: 'the channel with the greatest logit, the first of equals',
            labels: labels.allLabels.filter((label) => label !== labels.ignoreLabel),
          },
      outsideTheCrop: 0,
      transpose: plan.transposeBackward,
      fileEnding: plan.fileEnding,
    },
  };
}
