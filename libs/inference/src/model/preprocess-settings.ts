/** The part of a plan that preprocessing carries out. */
import type { ConfigurationPlan, ResamplingPlan } from '@voxelwise/planner';
import type { PreprocessSettings, ResamplingSettings } from '@voxelwise/transforms';
import type { PerAxis } from '@voxelwise/volume';
import { ModelError } from '../errors.ts';

/** Throws: ModelError for a resampling that is not built here. */
export function preprocessSettings(plan: ConfigurationPlan): PreprocessSettings {
  const { channels, labels, resampling } = plan;
  const intensities = channels.map((channel) => channel.intensities);
  return {
    transposeForward: plan.transposeForward as unknown as PerAxis,
    spacing: plan.spacing,
    normalizationSchemes: channels.map((channel) => channel.normalization),
    useMaskForNormalization: channels.map((channel) => channel.useMask),
    ...(intensities.every((one) => one !== undefined) ? { foregroundIntensities: intensities } : {}),
    resampling: {
      data: settingsOf(resampling.data, 'data'),
      labels: settingsOf(resampling.labels, 'labels'),
      probabilities: settingsOf(resampling.probabilities, 'probabilities'),
    },
    foreground: labels.foreground,
    ...(labels.ignoreLabel === undefined ? {} : { annotated: labels.allLabels }),
  };
}

function settingsOf(plan: ResamplingPlan, what: string): ResamplingSettings {
  const { method, order, orderZ, forceSeparateZ, labelRule } = plan;
  // PyTorch's linear interpolation is the spline of order 1; only ties between labels fall otherwise.
  if (method === 'torch') return { order: 1, forceSeparateZ, ...(what === 'labels' ? { torchLabels: labelRule } : {}) };
  if (orderZ !== 0 || (order !== 0 && order !== 1 && order !== 3))
    throw new ModelError(
      `The plan resamples ${what} with order ${order} and order ${orderZ} across slices; here are splines of order 0, 1 and 3 with nearest slices. Change resampling_fn_${what} in plans.json.`,
      { what, order, orderZ },
    );
  return { order, forceSeparateZ };
}
