/**
 * First numbers of a network: Kaiming normal (He 2015, fan in) for kernels, constants for the rest. Each parameter draws
 * from its own stream, named by its path, so that adding a layer changes no other layer's start.
 */
import { Philox, sizeOf, tensor, type Device } from '@voxelwise/compute';
import { parametersOf, type Parameter } from './module.ts';

/** Fills every parameter that has no numbers yet, or all of them with `again`. */
export function initialize(
  module: object,
  device: Device,
  options: { readonly seed: number; readonly again?: boolean },
): void {
  const random = new Philox(options.seed).split('weights');
  for (const [path, parameter] of parametersOf(module)) {
    if (parameter.filled && !options.again) continue;
    parameter.value = tensor(device, startingNumbers(parameter, random.split(path)), parameter.shape);
  }
}

/** The numbers a parameter starts with. */
export function startingNumbers(parameter: Parameter, random: Philox): Float32Array {
  const numbers = new Float32Array(sizeOf(parameter.shape));
  const { start } = parameter;
  if ('constant' in start) return numbers.fill(start.constant);
  const deviation = Math.sqrt(2 / ((1 + start.heNormal.slope ** 2) * start.heNormal.fanIn));
  for (let k = 0; k < numbers.length; k++) numbers[k] = random.normal(0, deviation);
  return numbers;
}
