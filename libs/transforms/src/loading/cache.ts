/**
 * What comes before the first random transform, kept: addressed by content (the case's voxels and geometry, and the recipe),
 * checked by its hash when it comes back, bounded in memory. A store behind it keeps it longer: `directoryCache` of
 * @voxelwise/transforms/node on a disk, or the caller's own.
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
  /** Told when a stored entry is damaged and made anew, or when the store fails; the work goes on either way. */
  readonly onWarning?: (message: string) => void;
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
    /** `images`, `labels`, or `volumes/` and the name of a further one. */
    readonly role: string;
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
export function cache(
  { steps, recipe, device, maxBytes = 2 ** 30, store, onWarning = () => undefined }: CacheSettings,
  rng: Rng,
): Cache {
  const entries = new Map<string, Entry>();
  const counts = { bytes: 0, hits: 0, misses: 0 };
  const making = new Map<string, Promise<Entry>>();
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
      const made = making.get(key);
      if (made) {
        const entry = await made;
        counts.hits++;
        return unpack(entry, device);
      }
      let scene: Scene | undefined;
      const work = (async (): Promise<Entry> => {
        const warn = (what: string): void => onWarning(`cache: case ${subject.id}: ${what}`);
        const stored = store && (await readStored(store, key, warn));
        if (stored) {
          counts.hits++;
          return stored;
        }
        counts.misses++;
        scene = await prepared(subject, key);
        const entry = await pack(scene);
        if (store)
          await store.put(key, await seal(entry)).catch((error: unknown) => warn(`not stored: ${messageOf(error)}`));
        return entry;
      })();
      making.set(key, work);
      try {
        const entry = await work;
        keep(key, entry);
        return scene ?? unpack(entry, device);
      } finally {
        making.delete(key);
      }
    },
  };

  async function prepared(subject: Case, key: string): Promise<Scene> {
    const before = upload(subject, device);
    const scene = await run(steps as Transform<unknown>, before, rng.split(key));
    const kept = new Set(volumesOf(scene).map(([, { voxels }]) => voxels));
    for (const [, { voxels }] of volumesOf(before)) if (!kept.has(voxels)) voxels.dispose();
    return scene;
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function volumesOf({ images, labels, volumes = {} }: Scene): [role: string, volume: Volume<Tensor>][] {
  return [
    ['images', images],
    ...(labels ? [['labels', labels] as [string, Volume<Tensor>]] : []),
    ...Object.entries(volumes).map(([name, volume]): [string, Volume<Tensor>] => [`volumes/${name}`, volume]),
  ];
}

async function pack(scene: Scene): Promise<Entry> {
  const { id, points, history = [] } = scene;
  const volumes = volumesOf(scene);
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
  const parts = new Map<string, Volume<Tensor>>();
  for (const { role, kind, channels, shape, affine, dtype } of header.volumes) {
    const size = shape.reduce((a, b) => a * b, 1);
    const raw = bytes.slice(at, at + size * 4).buffer;
    at += size * 4;
    parts.set(role, {
      kind,
      channels,
      grid: { shape: shape.slice(1) as unknown as Volume['grid']['shape'], affine: Float64Array.from(affine) },
      voxels: tensor(device, dtype === 'f32' ? new Float32Array(raw) : new Int32Array(raw), shape),
    });
  }
  const further = [...parts].filter(([role]) => role.startsWith('volumes/'));
  return {
    id: header.id,
    images: parts.get('images')!,
    ...(parts.has('labels') ? { labels: parts.get('labels')! } : {}),
    ...(further.length > 0
      ? { volumes: Object.fromEntries(further.map(([role, volume]) => [role.slice('volumes/'.length), volume])) }
      : {}),
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
async function readStored(store: CacheStore, key: string, warn: (what: string) => void): Promise<Entry | undefined> {
  const sealed = await store.get(key).catch((error: unknown) => {
    warn(`the store failed (${messageOf(error)}); making the entry anew.`);
    return undefined;
  });
  if (!sealed) return undefined;
  const rest = sealed.subarray(DIGEST);
  const digest = await sha256(rest);
  if (sealed.byteLength < DIGEST + 4 || digest.some((byte, k) => byte !== sealed[k])) {
    warn(`the stored entry of ${sealed.byteLength} bytes is damaged; making it anew.`);
    return undefined;
  }
  const length = new DataView(rest.buffer, rest.byteOffset).getUint32(0, true);
  return {
    header: JSON.parse(new TextDecoder().decode(rest.subarray(4, 4 + length))) as Header,
    bytes: rest.slice(4 + length),
  };
}
