/**
 * Transforms that no kernel does yet: their voxels are read, changed in float64 on the calling thread, and uploaded again.
 * The same values on every device; `apply` returns a promise.
 */
import { tensor, type Tensor } from '@voxelwise/compute';
import type { Volume } from '@voxelwise/volume';
import type { Application, Scene } from './transform.ts';

/** Voxels of one volume on the host. */
export interface HostVoxels {
  /** [C, z, y, x]. */
  readonly data: Float64Array;
  readonly shape: readonly [number, number, number, number];
}

/** Changed voxels; a plain array keeps the shape. */
type HostChange = HostVoxels | Float64Array;

export async function readVoxels(volume: Volume<Tensor>): Promise<HostVoxels> {
  return { data: Float64Array.from(await volume.voxels.read()), shape: volume.voxels.shape as HostVoxels['shape'] };
}

/** The volume with other voxels; the channel count may change, the grid may not. */
export function withVoxels(
  volume: Volume<Tensor>,
  { data, shape }: { readonly data: ArrayLike<number>; readonly shape: readonly number[] },
): Volume<Tensor> {
  const host = volume.kind === 'labels' ? Int32Array.from(data) : Float32Array.from(data);
  const channels =
    shape[0] === volume.channels.length ? volume.channels : Array.from({ length: shape[0]! }, (_, c) => String(c));
  return { ...volume, channels, voxels: tensor(volume.voxels.device, host, shape) };
}

/** Changes volumes of the wanted kind one after another. */
export async function mapHost(
  scene: Scene,
  kind: Volume['kind'] | 'any',
  change: (voxels: HostVoxels, volume: Volume<Tensor>) => HostChange | Promise<HostChange>,
): Promise<Scene> {
  const one = async (volume: Volume<Tensor>): Promise<Volume<Tensor>> => {
    if (kind !== 'any' && volume.kind !== kind) return volume;
    const voxels = await readVoxels(volume);
    const changed = await change(voxels, volume);
    return withVoxels(volume, changed instanceof Float64Array ? { data: changed, shape: voxels.shape } : changed);
  };
  const volumes: Record<string, Volume<Tensor>> = {};
  for (const [name, volume] of Object.entries(scene.volumes ?? {})) volumes[name] = await one(volume);
  return {
    ...scene,
    images: await one(scene.images),
    ...(scene.labels ? { labels: await one(scene.labels) } : {}),
    ...(scene.volumes ? { volumes } : {}),
  };
}

/** An intensity change as a function of voxels and parameters. */
export function hostIntensity<P>(
  name: string,
  change: (voxels: HostVoxels, parameters: P, volume: Volume<Tensor>) => HostChange | Promise<HostChange>,
): Application<P> {
  return {
    name,
    apply: (scene, parameters) => mapHost(scene, 'intensity', (voxels, volume) => change(voxels, parameters, volume)),
  };
}

/** A label change as a function of voxels and parameters. */
export function hostLabels<P>(
  name: string,
  change: (voxels: HostVoxels, parameters: P, volume: Volume<Tensor>) => HostChange,
): Application<P> {
  return {
    name,
    apply: (scene, parameters) => mapHost(scene, 'labels', (voxels, volume) => change(voxels, parameters, volume)),
  };
}

/** Runs `body` on every channel and joins the results. */
export function perChannel(
  { data, shape }: HostVoxels,
  body: (channel: Float64Array, index: number) => ArrayLike<number>,
): Float64Array {
  const voxels = shape[1] * shape[2] * shape[3];
  const result = new Float64Array(data.length);
  for (let c = 0; c < shape[0]; c++) result.set(body(data.subarray(c * voxels, (c + 1) * voxels), c), c * voxels);
  return result;
}
