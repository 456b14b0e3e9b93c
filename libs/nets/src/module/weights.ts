/** Numbers in and out of a network, by parameter name. */
import { tensor, type Device, type Shape } from '@voxelwise/compute';
import { WeightsError } from '../errors.ts';
import { parametersOf } from './module.ts';

/** One named array, row-major. */
export interface NamedArray {
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** Weights of a network by our names. */
export type Weights = ReadonlyMap<string, NamedArray>;

/** Throws: WeightsError naming every missing, surplus and misshapen array (both shapes). */
export function requireWeights(who: string, module: object, weights: Weights): void {
  const parameters = parametersOf(module);
  const faults: string[] = [];
  for (const [name, parameter] of parameters) {
    const came = weights.get(name);
    if (came === undefined) faults.push(`${name} [${parameter.shape.join(', ')}] is missing`);
    else if (came.shape.join() !== parameter.shape.join())
      faults.push(`${name} has shape [${came.shape.join(', ')}], the network expects [${parameter.shape.join(', ')}]`);
  }
  for (const name of weights.keys()) if (!parameters.has(name)) faults.push(`${name} is unknown to the network`);
  if (faults.length === 0) return;
  const shown = faults.slice(0, 5).join('; ');
  const more = faults.length > 5 ? `; and ${faults.length - 5} more` : '';
  throw new WeightsError(
    `${who}: the weights belong to another architecture: ${shown}${more}. Check that plans and checkpoint come from the same training.`,
    { faults },
  );
}

/**
 * Uploads weights into a network. What the network held before is not disposed: it may be shared.
 *
 * Throws: WeightsError as `requireWeights`.
 */
export function loadWeights(module: object, device: Device, weights: Weights): void {
  requireWeights('loadWeights', module, weights);
  for (const [name, parameter] of parametersOf(module)) {
    const { data, shape } = weights.get(name)!;
    parameter.value = tensor(device, data, shape);
  }
}

/** Copies a network's numbers to the host. */
export async function readWeights(module: object): Promise<Weights> {
  const names = [...parametersOf(module)];
  const arrays = await Promise.all(
    names.map(
      async ([name, parameter]) =>
        [name, { shape: parameter.shape, data: (await parameter.value.read()) as Float32Array }] as const,
    ),
  );
  return new Map(arrays);
}

/** Frees a network's tensors. */
export function disposeWeights(module: object): void {
  for (const parameter of parametersOf(module).values()) if (parameter.filled) parameter.value.dispose();
}
