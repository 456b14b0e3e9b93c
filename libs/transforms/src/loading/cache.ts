/**
 * What comes before the first random transform, kept: addressed by content (the case's voxels and geometry, and the recipe),
 * checked by its hash when it comes back, bounded in memory; a store behind it (a disk, an origin-private file system) is the
 * caller's.
 */
import { tensor, type Device, type Rng, type Tensor } from '@voxelwise/compute';
import type { Case, Volume, VoxelArray } from '@voxelwise/volume';
import { run } from '../compose/sequence.ts';
import type { Applied, Scene, Transform } from '../contract/transform.ts';
import { upload } from '../contract/upload.ts';

/** Keeps bytes by key beyond this process. A store may drop what it likes; it must never return half of something. */
export interface CacheStore {
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, bytes: Uint8Array): Promise<void>;
}

export interface CacheSettings {
  /** The deterministic transform to keep the result of. */
  readonly steps: Transform<never> | Transform<unknown>;
  /** Names the steps and their settings: JSON that changes whenever they do. */
  readonly recipe: unknown;
  readonly device: Device;
  /** Of results in memory; the least recently used go first. Default 1 GiB. */
  readonly maxBytes?: number;
  readonly store?: CacheStore;
}

export interface Cache {
  /** The prepared scene, uploaded anew; the caller disposes its tensors. */
  open(subject: Case): Promise<Scene>;
  readonly bytes: number;
  readonly hits: number;
  readonly misses: number;
}

interface Entry {
  readonly header: Header;
  readonly bytes: Uint8Array;
}

interface Header {
  readonly id: string;
  readonly volumes: readonly {
    readonly role: 'images' | 'labels';
    readonly kind: Volume['kind'];
    readonly channels: readonly string[];
    readonly shape: readonly number[];
    readonly affine: readonly number[];
    readonly dtype: 'f32' | 'i32';
  }[];
  readonly history: readonly Applied[];
  readonly points?: NonNullable<Case['points']>;
}

/** `rng` is handed to the steps; deterministic steps draw nothing from it. */
export function cache({ steps, recipe, device, maxBytes = 2 ** 30, store }: CacheSettings, rng: Rng): Cache {
  const entries = new Map<string, Entry>();
  const counts = { bytes: 0, hits: 0, misses: 0 };
  const keep = (key: string, entry: Entry): void => {
    entries.set(key, entry);
    counts.bytes += entry.bytes.byteLength;
    for (const [oldest, { bytes }] of entries) {
      if (counts.bytes <= maxBytes || oldest === key) break;
      entries.delete(oldest);
      counts.bytes -= bytes.byteLength;
    }
    if (counts.bytes > maxBytes) {
      entries.delete(key);
      counts.bytes -= entry.bytes.byteLength;
    }
  };
  return {
    get bytes() {
      return counts.bytes;
    },
    get hits() {
      return counts.hits;
    },
    get misses() {
      return counts.misses;
    },
    open: async (subject) => {
      const key = await keyOf(subject, recipe);
      const held = entries.get(key);
      if (held) {
        counts.hits++;
        entries.delete(key);
        entries.set(key, held);
        return unpack(held, device);
      }
      const stored = store && (await readStored(store, key));
      if (stored) {
        counts.hits++;
        keep(key, stored);
        return unpack(stored, device);
      }
      counts.misses++;
      const before = upload(subject, device);
      const scene = await run(steps as Transform<unknown>, before, rng.split(key));
      const entry = await pack(scene);
      for (const volume of [before.images, before.labels])
        if (volume && volume.voxels !== scene.images.voxels && volume.voxels !== scene.labels?.voxels)
          volume.voxels.dispose();
      keep(key, entry);
      if (store) await store.put(key, await seal(entry));
      return scene;
    },
  };
}

async function pack({ id, images, labels, points, history = [] }: Scene): Promise<Entry> {
  const volumes = [['images', images] as const, ...(labels ? [['labels', labels] as const] : [])];
  const arrays = await Promise.all(volumes.map(([, { voxels }]) => voxels.read()));
  const bytes = new Uint8Array(arrays.reduce((sum, array) => sum + array.byteLength, 0));
  let at = 0;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += array.byteLength;
  }
  return {
    bytes,
    header: {
      id,
      history,
      ...(points ? { points } : {}),
      volumes: volumes.map(([role, { kind, channels, grid, voxels }]) => ({
        role,
        kind,
        channels,
        shape: voxels.shape,
        affine: [...grid.affine],
        dtype: voxels.dtype as 'f32' | 'i32',
      })),
    },
  };
}

function unpack({ header, bytes }: Entry, device: Device): Scene {
  let at = 0;
  const parts: Partial<Record<'images' | 'labels', Volume<Tensor>>> = {};
  for (const { role, kind, channels, shape, affine, dtype } of header.volumes) {
    const size = shape.reduce((a, b) => a * b, 1);
    const raw = bytes.slice(at, at + size * 4).buffer;
    at += size * 4;
    parts[role] = {
      kind,
      channels,
      grid: { shape: shape.slice(1) as unknown as Volume['grid']['shape'], affine: Float64Array.from(affine) },
      voxels: tensor(device, dtype === 'f32' ? new Float32Array(raw) : new Int32Array(raw), shape),
    };
  }
  return {
    id: header.id,
    images: parts.images!,
    ...(parts.labels ? { labels: parts.labels } : {}),
    ...(header.points ? { points: header.points } : {}),
    history: header.history,
  };
}

async function sha256(...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', whole));
}

async function keyOf({ id, images, labels, points }: Case, recipe: unknown): Promise<string> {
  const bytesOf = (voxels: VoxelArray): Uint8Array =>
    new Uint8Array(voxels.buffer, voxels.byteOffset, voxels.byteLength);
  const text = JSON.stringify([
    id,
    recipe,
    points,
    [images, labels].map(
      (volume) =>
        volume && [
          volume.kind,
          volume.channels,
          volume.grid.shape,
          [...volume.grid.affine],
          volume.voxels.constructor.name,
        ],
    ),
  ]);
  const digest = await sha256(
    new TextEncoder().encode(text),
    bytesOf(images.voxels),
    ...(labels ? [bytesOf(labels.voxels)] : []),
  );
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

const DIGEST = 32;

/** Digest, length of the header, header, voxels. */
async function seal({ header, bytes }: Entry): Promise<Uint8Array> {
  const head = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(new Uint32Array([head.byteLength]).buffer);
  const digest = await sha256(length, head, bytes);
  const sealed = new Uint8Array(DIGEST + 4 + head.byteLength + bytes.byteLength);
  sealed.set(digest, 0);
  sealed.set(length, DIGEST);
  sealed.set(head, DIGEST + 4);
  sealed.set(bytes, DIGEST + 4 + head.byteLength);
  return sealed;
}

/** What the store gave, if it is whole: a damaged entry is made anew. */
async function readStored(store: CacheStore, key: string): Promise<Entry | undefined> {
  const sealed = await store.get(key);
  if (!sealed || sealed.byteLength < DIGEST + 4) return undefined;
  const rest = sealed.subarray(DIGEST);
  const digest = await sha256(rest);
  if (digest.some((byte, k) => byte !== sealed[k])) return undefined;
  const length = new DataView(rest.buffer, rest.byteOffset).getUint32(0, true);
  return {
    header: JSON.parse(new TextDecoder().decode(rest.subarray(4, 4 + length))) as Header,
    bytes: rest.slice(4 + length),
  };
}
