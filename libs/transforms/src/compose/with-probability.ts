/** A transform that happens only sometimes. */
import type { Scene, Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import { LINEAR } from '../spatial/move.ts';

/** Parameters of the transform, or null where it did not happen. */
export type Maybe<P> = { readonly happened: P } | null;

/** With probability `p` the transform happens, else the scene stays as it is. */
export function withProbability<P>(p: number, transform: Transform<P>): Transform<Maybe<P>> {
  if (!(p >= 0 && p <= 1))
    throw new TransformError(`withProbability: a probability is between 0 and 1, came ${p}.`, { p });
  const { invert, place, sampling } = transform;
  return {
    name: `maybe(${transform.name})`,
    measures: transform.measures ?? true,
    sample: async (scene, rng) =>
      rng.uniform() < p ? { happened: await transform.sample(scene, rng.split('happened')) } : null,
    apply: (scene: Scene, parameters): Scene | Promise<Scene> =>
      parameters ? transform.apply(scene, parameters.happened) : scene,
    ...(invert ? { invert: (volume, parameters) => (parameters ? invert(volume, parameters.happened) : volume) } : {}),
    ...(transform.moves ? { moves: transform.moves } : {}),
    record: (parameters) =>
      parameters
        ? (transform.record?.(parameters.happened) ?? [{ name: transform.name, parameters: parameters.happened }])
        : [],
    ...(sampling ? { sampling: (parameters) => (parameters ? sampling(parameters.happened) : LINEAR) } : {}),
    ...(place
      ? {
          place: (grid, parameters) =>
            parameters ? place(grid, parameters.happened) : { grid, matrix: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] },
        }
      : {}),
  };
}
