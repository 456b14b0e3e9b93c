/** Sums and maxima over a workgroup as a prelude, `workgroupSum(at: Invocation, value: SUM) -> SUM`, by what the adapter has. */
import byTree from '../../generated/wgsl/sum-by-tree.ts';
import bySubgroups from '../../generated/wgsl/sum-by-subgroups.ts';
import type { Dispatch } from './kernel.ts';

/** Stands among a device's features where subgroups have numbers in WGSL. */
export const SUBGROUP_ID = 'subgroup_id';

/** Stands there where every subgroup has eight invocations or more. */
export const SUBGROUPS_OF_8 = 'subgroups of 8';

/** `type`: what is summed. For shaders whose workgroups have 64 invocations, each given an `Invocation`. */
export function workgroupSum(
  features: ReadonlySet<string>,
  type: 'f32' | 'vec2<f32>' | 'vec3<f32>',
): Pick<Dispatch, 'enables' | 'functions'> {
  const alias = `alias SUM = ${type};`;
  return features.has('subgroups') && features.has(SUBGROUP_ID)
    ? { enables: ['subgroups'], functions: [alias, bySubgroups] }
    : { functions: [alias, byTree] };
}
