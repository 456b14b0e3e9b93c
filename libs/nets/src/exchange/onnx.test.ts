import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { WeightsError } from '../errors.ts';
import { GOLDEN_NETWORKS, goldenNetwork } from '../testing/golden-network.ts';
import { encodeOnnx } from './onnx.ts';
import { evaluateOnnx, readOnnx } from '../testing/onnx-reader.ts';

/** Where `npm run bench:peers` puts the peers; the package is too large for everybody's install. */
const peer =
  process.env['VOXELWISE_ONNXRUNTIME'] ??
  fileURLToPath(new URL('../../../../.tmp/peers/node_modules/onnxruntime-node', import.meta.url));

interface Runtime {
  readonly InferenceSession: {
    create(
      bytes: Uint8Array,
    ): Promise<{ run(feeds: object): Promise<{ logits: { data: Float32Array; dims: number[] } }> }>;
  };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => object;
}

function relativeDifference(found: Float32Array, expected: Float32Array): number {
  let [largest, difference] = [0, 0];
  expected.forEach((value, k) => {
    largest = Math.max(largest, Math.abs(value));
    difference = Math.max(difference, Math.abs(value - found[k]!));
  });
  return difference / largest;
}

describe.each(GOLDEN_NETWORKS)('%s as ONNX', (name) => {
  const golden = goldenNetwork(name);
  const expected = golden.array('logits_ds0')!.data as Float32Array;
  const input = golden.array('input')!;
  const bytes = encodeOnnx(golden.config, golden.weights, { configuration: name });

  it('reads back as a graph that gives the golden logits', async () => {
    const model = readOnnx(bytes);
    expect(model.operatorSet).toBe(17);
    expect(model.metadata).toEqual({ configuration: name });
    const found = await evaluateOnnx(model, { shape: input.shape, data: input.data as Float32Array });
    expect(relativeDifference(found, expected)).toBeLessThan(1e-4);
  });

  it.skipIf(!existsSync(peer))('gives the golden logits in onnxruntime', async () => {
    const runtime = createRequire(import.meta.url)(peer) as Runtime;
    const session = await runtime.InferenceSession.create(bytes);
    const { logits } = await session.run({
      image: new runtime.Tensor('float32', input.data as Float32Array, input.shape),
    });
    expect(logits.dims).toEqual([input.shape[0], golden.config.outputChannels, ...input.shape.slice(2)]);
    expect(relativeDifference(logits.data.subarray(0, expected.length), expected)).toBeLessThan(1e-4);
  });
});

it('names a weight that is missing', () => {
  const { config, weights } = goldenNetwork('plain2d');
  const fewer = new Map([...weights].filter(([key]) => key !== 'encoder.stages.1.blocks.0.norm.bias'));
  expect(() => encodeOnnx(config, fewer)).toThrow(WeightsError);
  expect(() => encodeOnnx(config, fewer)).toThrow(/encoder\.stages\.1\.blocks\.0\.norm\.bias \[\d+\] is missing/);
});
