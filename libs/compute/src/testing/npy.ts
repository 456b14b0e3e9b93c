/** Reads the .npy fixtures of tests (NumPy format 1, C order, little endian). */
import { readFileSync } from 'node:fs';

export interface NpyArray {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/** f4 stays f32, i2 and i4 become i32, u1 stays u8, f8 becomes f32. */
export function readNpy(path: string | URL): NpyArray {
  const bytes = readFileSync(path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 10 + view.getUint16(8, true);
  const header = bytes.subarray(10, start).toString('latin1');
  const type = /'descr': '[<|]?(\w\d)'/.exec(header)?.[1];
  const shape = [.../'shape': \(([^)]*)\)/.exec(header)![1].matchAll(/\d+/g)].map(Number);
  const size = shape.reduce((product, n) => product * n, 1);
  const each = <T extends Float32Array | Int32Array | Uint8Array>(into: T, read: (k: number) => number): T => {
    for (let k = 0; k < size; k++) into[k] = read(k);
    return into;
  };
  if (type === 'f4') return { shape, data: each(new Float32Array(size), (k) => view.getFloat32(start + 4 * k, true)) };
  if (type === 'f8') return { shape, data: each(new Float32Array(size), (k) => view.getFloat64(start + 8 * k, true)) };
  if (type === 'i2') return { shape, data: each(new Int32Array(size), (k) => view.getInt16(start + 2 * k, true)) };
  if (type === 'i4') return { shape, data: each(new Int32Array(size), (k) => view.getInt32(start + 4 * k, true)) };
  if (type === 'u1' || type === 'b1')
    return { shape, data: each(new Uint8Array(size), (k) => view.getUint8(start + k)) };
  throw new Error(`unexpected dtype in ${String(path)}: ${header}`);
}
