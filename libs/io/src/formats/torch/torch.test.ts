import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  OrderedDict,
  PyFloat,
  Tuple,
  decodeTorch,
  encodeTorch,
  encodeZip,
  torchArrays,
  unpickle,
} from '../../index.ts';
import type { NamedArray, OpaqueObject, PickleValue } from '../../index.ts';

const fixture = (name: string): Uint8Array => readFileSync(new URL(`../../../fixtures/torch/${name}`, import.meta.url));
const expected = JSON.parse(new TextDecoder().decode(fixture('expected.json'))) as Record<
  string,
  { dtype: string; shape: number[]; values: number[] }
>;

/** A Python that has PyTorch, if this machine has one. */
const python = ['python3', '/usr/bin/python3'].find((candidate) => {
  try {
    execFileSync(candidate, ['-c', 'import torch'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

describe('reading', () => {
  it.each(['zip.pth', 'legacy.pth'])('%s: every type, view and stride', async (name) => {
    const arrays = torchArrays(await decodeTorch(fixture(name), { file: name }));
    expect([...arrays.keys()]).toEqual(Object.keys(expected));
    for (const [key, { dtype, shape, values }] of Object.entries(expected)) {
      const array = arrays.get(key)!;
      expect([array.dtype, array.shape, Array.from(array.data as Float64Array, Number)], key).toEqual([
        dtype,
        shape,
        values,
      ]);
    }
  });

  it('unpacks nothing that claims far more than the file holds', async () => {
    const bomb = await encodeZip([{ name: 'archive/data.pkl', bytes: new Uint8Array(2 ** 26 + 1) }], {
      compress: true,
    });
    const begun = performance.now();
    await expect(decodeTorch(bomb, { file: 'bomb.pth' })).rejects.toThrow(
      /bomb\.pth: "archive\/data\.pkl" claims 67108865 bytes, the whole file has \d+; .* refused/,
    );
    expect(performance.now() - begun).toBeLessThan(1000);
  });

  it('refuses code inside the weights by its name, and runs nothing', async () => {
    const file = await decodeTorch(fixture('hostile_weights.pth'), { file: 'x.pth' });
    expect(() => torchArrays(file)).toThrow(/x\.pth: "b" is an object of posix\.system/);
    expect(existsSync('/tmp/voxelwise-trap')).toBe(false);
  });

  it('keeps unknown objects elsewhere as names, and reads the weights', async () => {
    const file = await decodeTorch(fixture('hostile_elsewhere.pth'));
    expect([...torchArrays(file).keys()]).toEqual(['a']);
    const value = file.value as Map<string, PickleValue>;
    expect((value.get('extra') as OpaqueObject).type.path).toBe('posix.system');
    expect(value.get('best')).toBe(0.5);
    expect((value.get('args') as Map<string, Tuple>).get('axes')!.items).toEqual([0, 1]);
    expect(existsSync('/tmp/voxelwise-trap')).toBe(false);
  });

  it('says what is missing', async () => {
    await expect(decodeTorch(new Uint8Array(10))).rejects.toThrow(/neither a zip nor a pickle/);
    const none = await decodeTorch(await encodeTorch({ epoch: 3 }));
    expect(() => torchArrays(none)).toThrow(/holds no weights.*epoch/);
  });

  it('does not let shared storages grow without end', async () => {
    const one: NamedArray = { dtype: 'float32', shape: [50_000], data: new Float32Array(50_000) };
    const bytes = await encodeTorch(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`w${i}`, one])));
    const file = await decodeTorch(bytes);
    expect(() => torchArrays(file)).toThrow(/claim/);
  });
});

describe('unpickle', () => {
  const py = (...bytes: number[]): PickleValue => unpickle(Uint8Array.from(bytes)).value;
  it('reads numbers of every protocol', () => {
    expect(py(0x49, 0x34, 0x32, 10, 0x2e)).toBe(42);
    expect(py(0x80, 2, 0x8a, 1, 0xff, 0x2e)).toBe(-1);
    expect(py(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e)).toBe(
      0x1950a86a20f9469cfc6cn,
    );
    expect(py(0x47, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0x2e)).toBe(1.5);
  });
  it.each([
    ['an empty stack', [0x2e]],
    ['no end', [0x4e]],
    ['an unknown instruction', [0xff]],
    ['a missing memo', [0x68, 9, 0x2e]],
    ['a string that is longer than the file', [0x58, 255, 255, 255, 127, 65, 0x2e]],
    ['a mark that is missing', [0x74, 0x2e]],
    ['protocol 9', [0x80, 9]],
    ['a negative length', [0x8b, 255, 255, 255, 255, 0x2e]],
  ])('refuses %s', (_, bytes) => {
    expect(() => py(...bytes)).toThrow(expect.objectContaining({ code: 'format', field: 'pickle' }) as Error);
  });
});

it('refuses a pickle of more instructions than its file explains', () => {
  const bytes = new Uint8Array(2 ** 22 + 2).fill(0x32).fill(0x4e, 0, 1);
  expect(() => unpickle(bytes)).toThrow(/more than 4194304 instructions are refused \(byte 4194304\)/);
  expect(() => unpickle(Uint8Array.of(0x4e, 0x32, 0x2e), 0, { mostSteps: 2 })).toThrow(/more than 2 instructions/);
  expect(unpickle(Uint8Array.of(0x4e, 0x32, 0x2e), 0, { mostSteps: 3 }).value).toBeNull();
});

describe('writing', () => {
  const arrays = async (): Promise<OrderedDict> => {
    const dict = new OrderedDict();
    for (const [name, array] of torchArrays(await decodeTorch(fixture('zip.pth'))))
      dict.set(name, array as unknown as PickleValue);
    dict.attributes = new Map([['_metadata', new OrderedDict([['', new Map([['version', 1]])]])]]);
    return dict;
  };
  it('comes back the same', async () => {
    const bytes = await encodeTorch({
      network_weights: await arrays(),
      epoch: 5,
      whole: new PyFloat(2),
      negative: -3e9,
      axes: new Tuple([0, 1]),
      deep: [[1.5, 'ü', null, true]],
      byNumber: new Map([[0, 'a']]),
    });
    expect(
      await encodeTorch({
        network_weights: await arrays(),
        epoch: 5,
        whole: new PyFloat(2),
        negative: -3e9,
        axes: new Tuple([0, 1]),
        deep: [[1.5, 'ü', null, true]],
        byNumber: new Map([[0, 'a']]),
      }),
    ).toEqual(bytes);
    const file = await decodeTorch(bytes);
    const value = file.value as Map<string, PickleValue>;
    expect([value.get('epoch'), value.get('negative'), value.get('deep'), value.get('byNumber')]).toEqual([
      5,
      -3e9,
      [[1.5, 'ü', null, true]],
      new Map([[0, 'a']]),
    ]);
    for (const [name, array] of torchArrays(file))
      expect(Array.from(array.data as Float64Array, Number), name).toEqual(expected[name]!.values);
  });
  it('refuses what a checkpoint cannot hold', async () => {
    await expect(encodeTorch({ a: (() => 1) as unknown as string })).rejects.toThrow(/value\.a is function/);
    await expect(encodeTorch({ a: { dtype: 'float32', shape: [3], data: new Float32Array(2) } })).rejects.toThrow(
      /needs 3 numbers, came 2/,
    );
  });
  it.skipIf(!python)('is opened by torch.load', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'voxelwise-'));
    try {
      writeFileSync(
        join(folder, 'ours.pth'),
        await encodeTorch({ network_weights: await arrays(), epoch: 5, lr: new PyFloat(1), axes: new Tuple([0, 1]) }),
      );
      writeFileSync(join(folder, 'theirs.pth'), fixture('zip.pth'));
      const script = `import torch, sys
a = torch.load(sys.argv[1] + '/ours.pth'); b = torch.load(sys.argv[1] + '/theirs.pth'); w = a['network_weights']
assert type(w).__name__ == 'OrderedDict' and w._metadata == {'': {'version': 1}}, w._metadata
assert list(w) == list(b) and all(w[k].dtype == b[k].dtype and torch.equal(w[k], b[k]) for k in b)
assert a['epoch'] == 5 and type(a['lr']) is float and a['axes'] == (0, 1)
print('same')`;
      expect(execFileSync(python!, ['-c', script, folder]).toString().trim()).toBe('same');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
