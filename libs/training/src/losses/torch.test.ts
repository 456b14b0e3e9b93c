/**
 * Every loss by name under deep supervision, and its gradient, against PyTorch in float64 (tools/fixtures/torch_losses.py): with and
 * without an ignore label, the Dice over batches or samples, absent classes, empty samples, nothing annotated.
 */
import {
  createReferenceDevice,
  createWasmDevice,
  tensor,
  valueAndGradients,
  type Device,
  type Tensor,
} from '@voxelwise/compute';
import type { NetworkConfig } from '@voxelwise/nets';
import { labelScheme, type LabelScheme } from '@voxelwise/planner';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gpuForTests, webGpuForTests } from '../../../compute/src/testing/gpu-for-tests.ts';
import { supervisedLoss } from '../loop/network-step.ts';
import { lossNamed, lossNames } from './catalogue.ts';

interface Golden {
  readonly loss: string;
  readonly regions: boolean;
  readonly ignore: boolean;
  readonly batchDice: boolean;
  readonly missing: string;
  readonly value: number;
  readonly levels: readonly {
    readonly shape: readonly number[];
    readonly logits: readonly number[];
    readonly target: readonly number[];
    /** Whole multiples of a unit; null: does not count. */
    readonly gradient: { readonly unit: number; readonly counts: readonly number[] } | null;
  }[];
}

const goldens = JSON.parse(
  gunzipSync(readFileSync(new URL('../../fixtures/loss/torch-losses.json.gz', import.meta.url))).toString(),
) as readonly Golden[];

const gpu = await gpuForTests();
const devices: Record<string, Device> = { reference: createReferenceDevice() };
beforeAll(async () => {
  devices['wasm'] = await createWasmDevice({ threads: 2 });
  if (gpu) devices['webgpu'] = await webGpuForTests();
});
afterAll(() => Object.values(devices).forEach((device) => device.dispose()));

function schemeOf({ regions, ignore }: Golden): LabelScheme {
  const ignored = ignore ? { ignore: 3 } : {};
  return regions
    ? labelScheme({ background: 0, whole: [1, 2], core: [2], ...ignored }, [1, 2])
    : labelScheme({ background: 0, a: 1, b: 2, ...ignored });
}

/** Value and gradients of all levels that count, the way a step of training adds them up. */
function lossOf(golden: Golden, device: Device): { value: Tensor; gradients: readonly Tensor[] } {
  const labels = schemeOf(golden);
  const classes = golden.regions ? 2 : 3;
  const targets = golden.regions && golden.ignore ? 3 : golden.regions ? 2 : 1;
  const logits = golden.levels.map(({ logits, shape }) =>
    tensor(device, Float32Array.from(logits), [2, classes, ...shape]),
  );
  const counted = golden.levels.filter(({ gradient }) => gradient !== null);
  const truth = counted.map(({ target, shape }) => tensor(device, Int32Array.from(target), [2, targets, ...shape]));
  // As many strides as there are levels, and the lowest stage, which has no output.
  const strides = Array.from({ length: golden.levels.length + 1 }, () => golden.levels[0]!.shape.map(() => 1));
  const parts = {
    device,
    labels,
    config: { strides } as unknown as NetworkConfig,
    network: { name: 'none', children: {}, parameters: {} } as never,
    loss: lossNamed(golden.loss, labels, golden),
    settings: { deepSupervision: true, clipNorm: 12 },
  };
  return valueAndGradients(() => supervisedLoss(parts, logits, truth), logits.slice(0, counted.length));
}

describe.each(['reference', 'wasm', ...(gpu ? ['webgpu'] : [])])('losses by PyTorch on %s', (kind) => {
  it.each(
    goldens.map((golden) => {
      const { loss, regions, ignore, batchDice, missing, levels } = golden;
      const of = `${regions ? 'regions' : 'labels'}${ignore ? ', ignoring' : ''}${batchDice ? ', over the batch' : ''}`;
      return [`${loss} of ${of}, ${levels.length} levels, missing: ${missing}`, golden] as const;
    }),
  )('%s', async (_, golden) => {
    const { value, gradients } = lossOf(golden, devices[kind]!);
    expect(Math.abs((await value.read())[0]! - golden.value)).toBeLessThan(3e-6 * Math.max(1, Math.abs(golden.value)));
    for (const [k, gradient] of gradients.entries()) {
      const { unit, counts } = golden.levels[k]!.gradient!;
      const found = await gradient.read();
      // The greatest is 200,000 units; where nothing is learned, all are exactly 0.
      counts.forEach((count, i) => expect(Math.abs(found[i]! - count * unit)).toBeLessThanOrEqual(3 * unit));
    }
  });
});

it('knows every loss there is', () => {
  const seen = (regions: boolean): string[] => [
    ...new Set(goldens.filter((golden) => golden.regions === regions).map(({ loss }) => loss)),
  ];
  for (const regions of [false, true])
    expect(seen(regions).sort()).toEqual([...lossNames(schemeOf({ regions } as Golden))].sort());
});
