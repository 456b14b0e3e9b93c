/**
 * Times voxel work beside NumPy, SciPy and scikit-image (Debian's python3-scipy, python3-skimage), CPU seconds, one after the other.
 *
 *   npx tsx --conditions=@voxelwise/source tools/bench-transforms.ts [--large]
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  components,
  createWasmDevice,
  distance,
  fillHoles,
  histogram,
  percentiles,
  Philox,
  tensor,
  type Tensor,
  type WasmDevice,
} from '@voxelwise/compute';
import { nnunetAugmentation, preprocess } from '@voxelwise/transforms';
import { alignedGrid, type PerAxis } from '@voxelwise/volume';

const python = process.env['PYTHON'] ?? '/usr/bin/python3';
const peer = (name: string, ...words: (string | number)[]): string =>
  execFileSync(python, [fileURLToPath(new URL(`peers/${name}.py`, import.meta.url)), ...words.map(String)], {
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '2' },
  });

async function cpuSeconds(body: () => Promise<unknown>, times: number): Promise<number> {
  let least = Infinity;
  for (let k = 0; k < times; k++) {
    const before = process.cpuUsage();
    await body();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1e6);
  }
  return least;
}

const line = (name: string, ours: number, theirs: number): void =>
  console.log(
    `${name.padEnd(34)} ${ours.toFixed(3)} s   peer ${theirs.toFixed(3)} s   ${(theirs / ours).toFixed(1)} times as fast`,
  );

async function masks(): Promise<void> {
  const [nz, ny, nx] = [160, 192, 192];
  const mask = new Uint8Array(nz * ny * nx).map((_, v) =>
    Math.sin(Math.floor(v / (ny * nx)) * 0.21) +
      Math.cos((Math.floor(v / nx) % ny) * 0.17) * Math.sin((v % nx) * 0.13) >
    0.15
      ? 1
      : 0,
  );
  const device = await createWasmDevice({ threads: 1 });
  const x = tensor(device, mask, [1, nz, ny, nx]);
  const jobs: Record<string, () => Tensor> = {
    'components 6': () => components({ x }, { connectivity: 6 }),
    'components 26': () => components({ x }, { connectivity: 26 }),
    distance: () => distance({ mask: x }, { spacing: [2.5, 0.8, 0.8] }),
    'fill holes': () => fillHoles({ mask: x }),
  };
  await compare(device, jobs, peer('components', nz, ny, nx));
  device.dispose();
}

async function intensities(): Promise<void> {
  const shape = [1, 128, 256, 256];
  const voxels = shape.reduce((a, b) => a * b);
  const device = await createWasmDevice({ threads: 1 });
  const x = tensor(
    device,
    Float32Array.from({ length: voxels }, (_, k) => Math.sin(k)),
    shape,
  );
  const jobs: Record<string, () => Tensor> = {
    'histogram of 256 bins': () => histogram({ x }, { bins: 256, low: -1, high: 1 }),
    'percentiles 0.5, 50, 99.5': () => percentiles({ x }, { percentiles: [0.5, 50, 99.5] }),
  };
  await compare(device, jobs, peer('intensities', voxels));
  device.dispose();
}

/** `theirs`: seconds by the names of the jobs, as JSON. */
async function compare(device: WasmDevice, jobs: Record<string, () => Tensor>, theirs: string): Promise<void> {
  const seconds = JSON.parse(theirs) as Record<string, number>;
  for (const [name, job] of Object.entries(jobs)) {
    const ours = await cpuSeconds(async () => {
      const result = job();
      await device.flush();
      result.dispose();
    }, 5);
    line(name, ours, seconds[name]!);
  }
}

async function augmentation(): Promise<void> {
  const [edge, initial] = [128, 205];
  const device = await createWasmDevice({ threads: 1 });
  const angle = Math.PI / 6;
  const augment = nnunetAugmentation(
    { patch: [edge, edge, edge], rotation: [angle, angle, angle], mirrorAxes: [0, 1, 2] },
    device,
  );
  const rng = new Philox(0);
  const shape: PerAxis = [initial, initial, initial];
  const image = Float32Array.from({ length: initial ** 3 }, () => rng.uniform(-1, 1));
  const labels = Int16Array.from(image, (_, v) => (Math.floor(v / initial) % initial > initial / 2 ? 1 : 0));
  for (let k = 0; k < 3; k++) await augment.apply({ shape, image, labels }, rng.split(k));
  const count = 60;
  const ours = await cpuSeconds(async () => {
    for (let k = 0; k < count; k++) await augment.apply({ shape, image, labels }, rng.split(100 + k));
  }, 1);
  line(`augmentation of ${edge}³, per patch`, ours / count, Number(peer('augment', edge, initial, 30)));
  device.dispose();
}

async function preprocessing([nz, ny, nx]: PerAxis): Promise<void> {
  const spacing: PerAxis = [1.5, 0.8, 0.8];
  const target = [1.2, 1, 0.7];
  const image = new Float32Array(nz * ny * nx);
  const labels = new Int16Array(image.length);
  for (let z = 0, v = 0; z < nz; z++)
    for (let y = 0; y < ny; y++)
      for (let x = 0; x < nx; x++, v++) {
        image[v] = (Math.sin(z * 0.1) + Math.cos(y * 0.05) * Math.sin(x * 0.07)) * 500;
        labels[v] =
          (z - nz / 2) ** 2 / nz ** 2 + (y - ny / 2) ** 2 / ny ** 2 + (x - nx / 2) ** 2 / nx ** 2 < 0.06
            ? z >= nz / 2
              ? 2
              : 1
            : 0;
      }
  const grid = alignedGrid([nz, ny, nx], spacing);
  const settings = {
    transposeForward: [0, 1, 2],
    spacing: target,
    normalizationSchemes: ['CTNormalization'],
    useMaskForNormalization: [false],
    foregroundIntensities: [{ mean: 50, std: 200, percentile_00_5: -400, percentile_99_5: 800 }],
  } as const;
  const device = await createWasmDevice({ threads: 1 });
  const ours = await cpuSeconds(async () => {
    const { case: done } = await preprocess(
      {
        id: 'ct',
        images: { grid, kind: 'intensity', channels: ['CT'], voxels: image },
        labels: { grid, kind: 'labels', channels: ['l'], voxels: labels },
      },
      settings,
      device,
    );
    await done.images.voxels.read();
    await done.labels!.voxels.read();
    done.images.voxels.dispose();
    done.labels!.voxels.dispose();
  }, 1);
  line(
    `preprocessing ${nx} x ${ny} x ${nz}`,
    ours,
    Number(peer('preprocess', nz, ny, nx, spacing.join(), target.join()).split(' ')[0]),
  );
  console.log(`  peak memory of the device: ${(device.memory().peakBytes / 2 ** 20).toFixed(0)} MiB`);
  device.dispose();
}

await masks();
await intensities();
await augmentation();
await preprocessing(process.argv.includes('--large') ? [200, 512, 512] : [100, 256, 256]);
