/** Transforms in values: one after another, one of several, some of several, on chosen volumes only; and running any of them. */
import type { Rng, Tensor } from '@voxelwise/compute';
import type { Volume } from '@voxelwise/volume';
import type { Applied, Scene, Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import { LINEAR } from '../spatial/move.ts';
import { Pending } from './pending.ts';

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- a list of transforms has parameters of every type */
type AnyTransform = Transform<any>;

/** Parameters of each step, in order. */
export type SequenceParameters = readonly unknown[];

/** Does a step, or lets it wait if it is a placement. */
async function advance(pending: Pending, step: AnyTransform, parameters: unknown): Promise<void> {
  if (step.place) {
    const { place } = step;
    pending.add((grid) => place(grid, parameters), step.sampling?.(parameters) ?? LINEAR);
    return;
  }
  pending.replace(await step.apply(pending.settle(), parameters));
}

/**
 * One after another. Placements in a row are sampled once. The random stream of a step is its own (by place and name):
 * adding a draw to one step changes no other.
 */
export function sequence(...steps: readonly AnyTransform[]): Transform<SequenceParameters> & {
  run(scene: Scene, rng: Rng): Promise<{ scene: Scene; parameters: SequenceParameters }>;
} {
  const run = async (scene: Scene, rng: Rng): Promise<{ scene: Scene; parameters: SequenceParameters }> => {
    const pending = new Pending(scene);
    const parameters: unknown[] = [];
    for (const [k, step] of steps.entries()) {
      const seen = step.measures === false ? pending.outline : pending.settle();
      const drawn: unknown = await step.sample(seen, rng.split(`${k} ${step.name}`));
      parameters.push(drawn);
      await advance(pending, step, drawn);
    }
    return { scene: pending.settle(), parameters };
  };
  return {
    name: 'sequence',
    measures: steps.some((step) => step.measures !== false),
    run,
    sample: async (scene, rng) => (await run(scene, rng)).parameters,
    apply: async (scene, parameters) => {
      const pending = new Pending(scene);
      for (const [k, step] of steps.entries()) await advance(pending, step, parameters[k]);
      return pending.settle();
    },
    invert: (volume, parameters) => {
      let current: Volume<Tensor> = volume;
      for (let k = steps.length - 1; k >= 0; k--) {
        const step = steps[k]!;
        if (step.invert) current = step.invert(current, parameters[k]);
        else if (step.moves === 'positions')
          throw new TransformError(
            `invert: ${step.name} cannot be undone; leave it out of what predictions have to go back through.`,
            { name: step.name },
          );
      }
      return current;
    },
    record: (parameters) =>
      steps.flatMap((step, k) => step.record?.(parameters[k]) ?? [{ name: step.name, parameters: parameters[k] }]),
  };
}

/** Which of several, and its parameters. */
export interface Chosen {
  readonly index: number;
  readonly parameters: unknown;
}

/** One of several, drawn by weight (equal by default). */
export function oneOf(
  choices: readonly AnyTransform[],
  weights: readonly number[] = choices.map(() => 1),
): Transform<Chosen> {
  const total = weights.reduce((a, b) => a + b, 0);
  if (choices.length === 0 || weights.length !== choices.length || !(total > 0) || weights.some((w) => w < 0))
    throw new TransformError(
      `oneOf: expects at least one transform and as many weights of at least 0, not all 0; came ${choices.length} and [${weights.join(', ')}].`,
      { weights },
    );
  return {
    name: 'oneOf',
    measures: choices.some((choice) => choice.measures !== false),
    sample: async (scene, rng) => {
      let left = rng.uniform() * total;
      let index = weights.findIndex((weight) => (left -= weight) < 0);
      if (index < 0) index = weights.length - 1;
      return { index, parameters: (await choices[index]!.sample(scene, rng.split(index))) as unknown };
    },
    apply: (scene, { index, parameters }) => choices[index]!.apply(scene, parameters),
    invert: (volume, { index, parameters }) => choices[index]!.invert?.(volume, parameters) ?? volume,
    record: ({ index, parameters }) =>
      choices[index]!.record?.(parameters) ?? [{ name: choices[index]!.name, parameters }],
  };
}

/** Between `least` and `most` of several, without repetition, in random order. */
export function someOf(
  choices: readonly AnyTransform[],
  [least, most]: readonly [number, number],
): Transform<readonly Chosen[]> {
  if (!(Number.isInteger(least) && Number.isInteger(most) && least >= 0 && most >= least && most <= choices.length))
    throw new TransformError(
      `someOf: expects whole numbers 0 ≤ least ≤ most ≤ ${choices.length}, came ${least} and ${most}.`,
      { least, most },
    );
  const walk = async (scene: Scene, list: readonly Chosen[]): Promise<Scene> => {
    const pending = new Pending(scene);
    for (const { index, parameters } of list) await advance(pending, choices[index]!, parameters);
    return pending.settle();
  };
  return {
    name: 'someOf',
    measures: choices.some((choice) => choice.measures !== false),
    sample: async (scene, rng) => {
      const order = choices.map((_, k) => k);
      for (let k = order.length - 1; k > 0; k--) {
        const j = rng.integer(0, k + 1);
        [order[k], order[j]] = [order[j]!, order[k]!];
      }
      const chosen: Chosen[] = [];
      for (const index of order.slice(0, rng.integer(least, most + 1))) {
        const seen = choices[index]!.measures === false ? scene : await walk(scene, chosen);
        chosen.push({ index, parameters: (await choices[index]!.sample(seen, rng.split(index))) as unknown });
      }
      return chosen;
    },
    apply: walk,
    invert: (volume, list) =>
      [...list].reverse().reduce((v, { index, parameters }) => choices[index]!.invert?.(v, parameters) ?? v, volume),
    record: (list) =>
      list.flatMap(
        ({ index, parameters }) => choices[index]!.record?.(parameters) ?? [{ name: choices[index]!.name, parameters }],
      ),
  };
}

/** A transform on some volumes only: `images`, `labels`, or names of further volumes. The others stay as they are. */
export function only<P>(names: readonly string[], transform: Transform<P>): Transform<P> {
  const part = (scene: Scene): Scene => {
    const found = names.map(
      (name) =>
        [name, name === 'images' ? scene.images : name === 'labels' ? scene.labels : scene.volumes?.[name]] as const,
    );
    const missing = found.find(([, volume]) => volume === undefined);
    if (missing || found.length === 0)
      throw new TransformError(
        `only: case ${scene.id} has no volume '${missing?.[0] ?? ''}'; it has images${scene.labels ? ', labels' : ''}${Object.keys(
          scene.volumes ?? {},
        )
          .map((name) => `, ${name}`)
          .join('')}.`,
        { case: scene.id, names },
      );
    // The first chosen volume stands in for the images, so that every transform finds some.
    return {
      id: scene.id,
      images: found[0]![1]!,
      volumes: Object.fromEntries(found.slice(1).map(([name, volume]) => [name, volume!])),
    };
  };
  return {
    name: `only(${names.join(', ')}: ${transform.name})`,
    measures: transform.measures ?? true,
    sample: (scene, rng) => transform.sample(part(scene), rng),
    apply: async (scene, parameters) => {
      const changed = await transform.apply(part(scene), parameters);
      let result = scene;
      names.forEach((name, k) => {
        const volume = k === 0 ? changed.images : changed.volumes![name]!;
        if (name === 'images' || name === 'labels') result = { ...result, [name]: volume };
        else result = { ...result, volumes: { ...result.volumes, [name]: volume } };
      });
      return result;
    },
    ...(transform.invert ? { invert: transform.invert } : {}),
  };
}

/** Draws and applies; the scene's history tells what was done. */
export async function run<P>(
  transform: Transform<P> & { run?: ReturnType<typeof sequence>['run'] },
  scene: Scene,
  rng: Rng,
): Promise<Scene> {
  let parameters: unknown;
  let result: Scene;
  if (transform.run) ({ scene: result, parameters } = await transform.run(scene, rng));
  else {
    parameters = await transform.sample(scene, rng);
    result = await transform.apply(scene, parameters as P);
  }
  const applied: readonly Applied[] = transform.record?.(parameters as P) ?? [{ name: transform.name, parameters }];
  return { ...result, history: [...(scene.history ?? []), ...applied] };
}
