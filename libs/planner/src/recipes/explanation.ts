/** Why a plan says what it says: one record per value, with the rule and what went into it. */
import type { PlansFile } from '../plans/plans-file.ts';

export interface Explanation {
  /** Where the value stands in the plans file, steps joined by dots: "configurations.3d_fullres.patch_size". */
  readonly path: string;
  readonly value: unknown;
  readonly rule: string;
  /** The rule's inputs by name. Plain JSON. */
  readonly from: Readonly<Record<string, unknown>>;
}

/** Gives the rule behind the value at a path, and the rule's inputs. A later rule for the same path replaces the earlier. */
export type Explain = (path: string, rule: string, from: Explanation['from']) => void;

/** Rules by path, as the planner states them. */
export type Rules = ReadonlyMap<string, Pick<Explanation, 'rule' | 'from'>>;

/** A map of rules and the function that writes to it. */
export function collectRules(): { readonly rules: Rules; readonly explain: Explain } {
  const rules = new Map<string, Pick<Explanation, 'rule' | 'from'>>();
  return { rules, explain: (path, rule, from) => rules.set(path, { rule, from }) };
}

const RESAMPLING =
  'images by cubic splines, labels and probabilities linearly, a coarse axis apart by nearest neighbor; the same in all plans';
const METHOD = 'fixed by the method, the same in all plans';
const CASCADE = 'the cascade: the full resolution, with the segmentation of the low resolution as further input';

type Inputs = (plans: PlansFile, configuration: string) => Explanation['from'];

const planner: Inputs = (plans) => ({ planner: plans.experiment_planner_used });
const stages: Inputs = (plans, name) => ({
  stages: plans.configurations[name]?.architecture?.arch_kwargs.strides.length,
});
const dimensions: Inputs = (plans, name) => ({ dimensions: plans.configurations[name]?.spacing?.length });
const named: Inputs = (plans, configuration) => ({ plans_name: plans.plans_name, configuration });

/** Rules for values that the planner decides nothing about, with what goes into them, by the first pattern that matches their path. */
const FIXED: readonly (readonly [RegExp, string, Inputs])[] = [
  [/^dataset_name$/, 'the name given to the data set', (plans) => ({ given: plans.dataset_name })],
  [/^plans_name$/, 'given, or else the planner’s own', planner],
  [
    /^experiment_planner_used$/,
    'the planner that was asked for',
    (plans) => ({ given: plans.experiment_planner_used }),
  ],
  [
    /^foreground_intensity_properties_per_channel\./,
    'copied from the fingerprint',
    () => ({ fingerprint: 'foreground_intensity_properties_per_channel' }),
  ],
  [
    /\.data_identifier$/,
    'plans name and configuration; the ResEnc planners share the data of the default planner where it is the same',
    (plans, name) => ({ ...named(plans, name), ...planner(plans, name) }),
  ],
  [/\.preprocessor_name$/, 'given, or else the default', () => ({ default: 'DefaultPreprocessor' })],
  [/\.resampling_fn_/, RESAMPLING, planner],
  [/\.network_class_name$/, 'the planner’s network', planner],
  [/\.n_stages$/, 'as many as there are strides', stages],
  [/\.(conv_op|norm_op)$/, 'for the number of axes of the configuration', dimensions],
  [
    /\.n_(conv|blocks)_per_stage(_decoder)?$/,
    'the planner’s depths: convolutions, or residual blocks, per stage',
    (plans, name) => ({ ...planner(plans, name), ...stages(plans, name) }),
  ],
  [/\.(inherits_from|previous_stage|next_stage)$/, CASCADE, () => ({ has_low_resolution: true })],
  [/^/, METHOD, planner],
];

/** One explanation for every value of the plans: the planner's rule for it, or the fixed one. Lists count as one value. */
export function explainValues(plans: PlansFile, rules: Rules): Explanation[] {
  return leaves(plans, '').map(([path, value]) => {
    const fixed = (): Pick<Explanation, 'rule' | 'from'> => {
      const [, rule, inputs] = FIXED.find(([pattern]) => pattern.test(path))!;
      return { rule, from: inputs(plans, /^configurations\.([^.]+)\./.exec(path)?.[1] ?? '') };
    };
    return { path, value, ...(rules.get(path) ?? fixed()) };
  });
}

function leaves(node: unknown, path: string): [string, unknown][] {
  if (typeof node !== 'object' || node === null || Array.isArray(node)) return [[path, node]];
  return Object.entries(node).flatMap(([key, value]) => leaves(value, path === '' ? key : `${path}.${key}`));
}
