/**
 * The bench workloads in onnxruntime, one round: prints one JSON line with seconds (minimum of the round).
 *
 *   node onnx-workloads.mjs web|node MODELS_FOLDER DEPENDENCIES_FOLDER [threads] [seconds]
 *
 * Models are those that torch_workloads.py --export wrote; onnxruntime-web and -node stand in DEPENDENCIES_FOLDER.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [, , kind, models, dependencies, threads = '2', seconds = '2'] = process.argv;
const require = createRequire(join(resolve(dependencies), 'x.js'));
let ort;
if (kind === 'node') ort = require('onnxruntime-node');
else {
  const loaded = await import(
    pathToFileURL(join(resolve(dependencies), 'node_modules/onnxruntime-web/dist/ort.node.min.mjs')).href
  );
  ort = loaded.default ?? loaded;
  ort.env.wasm.numThreads = Number(threads);
}
const settings =
  kind === 'node' ? { intraOpNumThreads: Number(threads), interOpNumThreads: 1 } : { executionProviders: ['wasm'] };

async function best(file, shape, budget) {
  const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(join(models, file))), settings);
  const size = shape.reduce((a, b) => a * b);
  const x = new ort.Tensor(
    'float32',
    Float32Array.from({ length: size }, (_, k) => Math.sin(k)),
    shape,
  );
  await session.run({ x });
  const times = [];
  const end = performance.now() + budget * 1000;
  while (times.length < 3 || performance.now() < end) {
    const begun = performance.now();
    await session.run({ x });
    times.push((performance.now() - begun) / 1000);
  }
  await session.release?.();
  return { min: Math.min(...times), n: times.length };
}

const result = {
  version: JSON.parse(
    readFileSync(join(resolve(dependencies), `node_modules/onnxruntime-${kind}/package.json`), 'utf8'),
  ).version,
  threads: Number(threads),
  A: { fwd: await best('A.onnx', [2, 1, 40, 56, 40], Number(seconds)) },
  B: {},
};
for (const [channels, size] of [
  [32, 64],
  [64, 32],
  [128, 16],
])
  result.B[`c${channels}_s${size}`] = {
    fwd: await best(`c${channels}_s${size}.onnx`, [1, channels, size, size, size], Number(seconds) / 2),
  };
console.log(JSON.stringify(result));
process.exit(0);
