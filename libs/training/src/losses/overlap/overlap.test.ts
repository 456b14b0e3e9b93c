/** Every loss against MONAI's values and gradients. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  cast,
  createReferenceDevice,
  createWasmDevice,
  tensor,
  valueAndGradients,
  type Device,
  type Tensor,
} from '@voxelwise/compute';
import {
  diceCrossEntropyLoss,
  diceFocalLoss,
  generalizedDiceFocalLoss,
  levelWeights,
  overLevels,
} from './combined-losses.ts';
import { diceLoss, generalizedDiceLoss, tverskyLoss } from './dice-loss.ts';
import { focalLoss } from './focal-loss.ts';

interface Packed {
  readonly shape: number[];
  readonly data: string;
}
interface GoldenCase {
  readonly id: string;
  readonly op: string;
  readonly params: Record<string, unknown>;
  readonly inputs: { readonly input?: string; readonly target: string };
  readonly outputs: Record<string, number | Packed>;
  readonly atol: number;
  readonly rtol: number;
}

const { inputs, cases } = JSON.parse(
  readFileSync(new URL('../../../fixtures/monai-losses/cases.json', import.meta.url), 'utf8'),
) as { inputs: Record<string, Packed>; cases: GoldenCase[] };
const unpack = ({ data }: Packed): Float32Array =>
  new Float32Array(Uint8Array.from(Buffer.from(data, 'base64')).buffer);
const losses: Readonly<Record<string, (logits: Tensor, target: Tensor, options: object) => Tensor>> = {
  DiceLoss: diceLoss,
  GeneralizedDiceLoss: generalizedDiceLoss,
  TverskyLoss: tverskyLoss,
  FocalLoss: focalLoss,
  DiceCELoss: diceCrossEntropyLoss,
  DiceFocalLoss: diceFocalLoss,
  GeneralizedDiceFocalLoss: generalizedDiceFocalLoss,
};
const names: Readonly<Record<string, string>> = {
  include_background: 'includeBackground',
  batch: 'batch',
  smooth_nr: 'smoothNumerator',
  smooth_dr: 'smoothDenominator',
  reduction: 'reduction',
  weight: 'weight',
  squared_pred: 'squaredPrediction',
  jaccard: 'jaccard',
  soft_label: 'softLabels',
  w_type: 'classWeight',
  alpha: 'alpha',
  beta: 'beta',
  gamma: 'gamma',
  lambda_dice: 'diceWeight',
  lambda_ce: 'crossEntropyWeight',
  lambda_focal: 'focalWeight',
  label_smoothing: 'labelSmoothing',
  use_softmax: 'softmax',
};

function optionsOf({ op, params }: GoldenCase): object {
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(params)) if (names[name] !== undefined) options[names[name]] = value;
  if (op !== 'FocalLoss')
    options['activation'] = params['softmax'] === true ? 'softmax' : params['sigmoid'] === true ? 'sigmoid' : 'none';
  return options;
}

function expectClose(got: ArrayLike<number>, want: ArrayLike<number>, { atol, rtol }: GoldenCase, what: string): void {
  expect(got.length).toBe(want.length);
  for (let k = 0; k < want.length; k++)
    if (!(Math.abs(got[k]! - want[k]!) <= atol + rtol * Math.abs(want[k]!)))
      expect.fail(`${what}: element ${k} is ${got[k]}, expected ${want[k]}`);
}

const devices: [string, Promise<Device>][] = [
  ['reference', Promise.resolve(createReferenceDevice())],
  ['wasm', createWasmDevice({ threads: 1 })],
];

describe.each(devices)('losses as MONAI has them, %s', (_, opened) => {
  it.each(cases.map((golden) => [golden.id, golden] as const))('%s', async (_id, golden) => {
    const device = await opened;
    const truth = tensor(device, unpack(inputs[golden.inputs.target]!), inputs[golden.inputs.target]!.shape);
    const target = golden.params['to_onehot_y'] === true ? cast({ x: truth }, { dtype: 'i32' }) : truth;
    const levels = Object.keys(golden.outputs).filter((name) => /^input\d_in$/.test(name));
    const packed =
      levels.length > 0 ? levels.map((name) => golden.outputs[name] as Packed) : [inputs[golden.inputs.input!]!];
    const logits = packed.map((array) => tensor(device, unpack(array), array.shape));
    const options = optionsOf(golden);
    const wantLoss = golden.outputs['loss']!;
    const { value, gradients } = valueAndGradients(() => {
      if (levels.length > 0) {
        const weights = levelWeights(levels.length, golden.params['weight_mode'] as 'exp');
        return overLevels(logits, truth, weights, (output, shrunk) =>
          diceCrossEntropyLoss(output, cast({ x: shrunk }, { dtype: 'i32' }), options),
        );
      }
      const loss = losses[golden.op]!(logits[0]!, target, options);
      // MONAI's gradient of an unreduced loss is that of its sum.
      return typeof wantLoss === 'number'
        ? loss
        : losses[golden.op]!(logits[0]!, target, { ...options, reduction: 'sum' });
    }, logits);
    if (typeof wantLoss === 'number') expectClose(await value.read(), [wantLoss], golden, 'loss');
    else expectClose(await losses[golden.op]!(logits[0]!, target, options).read(), unpack(wantLoss), golden, 'loss');
    for (const [k, gradient] of gradients.entries())
      expectClose(
        await gradient!.read(),
        unpack(golden.outputs[levels.length > 0 ? `grad${k}` : 'grad'] as Packed),
        golden,
        `gradient ${k}`,
      );
  });
});
