/** The clock decides, the table remembers, and nothing is timed unless asked. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Graph } from '../graph/graph.ts';
import { DeviceError } from '../errors.ts';
import { valueAndGradients } from '../autograd/backward.ts';
import { conv, mean } from '../ops/index.ts';
import type { AnyOp } from '../op/op.ts';
import { tensor } from '../tensor/tensor.ts';
import { tune, tuned, type AutotuneTable, type TuningMachine } from './autotune.ts';
import { createWasmDevice } from './wasm/wasm-device.ts';

const slot = (index: number, shape: readonly number[]) =>
  ({ index, shape, dtype: 'f32', role: 'external', layout: 'plain' }) as const;

/** Two convolutions, 16 -> 16 and 2 -> 16 channels. */
function graphOf(count = 1): Graph {
  const options = { stride: 1, padding: 1, algorithm: 'auto' };
  const nodes = Array.from({ length: count }, (_, k) => ({
    op: conv as unknown as AnyOp,
    inputs: { x: slot(0, [1, 16, 20 + k, 20]), weight: slot(1, [16, 16, 3, 3]), bias: undefined },
    outputs: [slot(2, [1, 16, 20 + k, 20])],
    options,
  }));
  const few = {
    op: conv as unknown as AnyOp,
    inputs: { x: slot(3, [1, 2, 20, 20]), weight: slot(4, [16, 2, 3, 3]), bias: undefined },
    outputs: [slot(5, [1, 16, 20, 20])],
    options,
  };
  return { nodes: [...nodes, few], slots: [] };
}

/** A machine on which a run takes what `cost` says. */
function fakeMachine(cost: Readonly<Record<string, number>>): TuningMachine & { readonly runs: string[] } {
  let clock = 0;
  const runs: string[] = [];
  return {
    kind: 'wasm',
    name: 'fake/simd/1',
    runs,
    now: () => clock,
    trial: (_node, options) => ({
      run: () => {
        const { algorithm } = options as { algorithm: string };
        runs.push(algorithm);
        clock += cost[algorithm]!;
        return Promise.resolve();
      },
      dispose: () => undefined,
    }),
  };
}

const algorithmsOf = (graph: Graph): string[] =>
  graph.nodes.map((node) => (node.options as { algorithm: string }).algorithm);

describe('tuning', () => {
  it('takes what the clock finds fastest, and leaves alone what has one way only', async () => {
    for (const fastest of ['direct', 'F2', 'F4']) {
      const table: AutotuneTable = {};
      const machine = fakeMachine({ direct: 9, F2: 9, F4: 9, [fastest]: 5 });
      await tune(graphOf(), table, machine);
      expect(Object.values(table)).toEqual([fastest]);
      const saved = JSON.parse(JSON.stringify(table)) as AutotuneTable;
      expect(algorithmsOf(tuned(graphOf(), saved, machine))).toEqual([fastest, 'auto']);
      // Another machine's rows do nothing; a known row is not timed again.
      expect(algorithmsOf(tuned(graphOf(), saved, { kind: 'wasm', name: 'fake/relaxed/2' }))).toEqual(['auto', 'auto']);
      const again = fakeMachine({});
      await tune(graphOf(), saved, again);
      expect(again.runs).toEqual([]);
    }
  });

  it('runs a hopeless variant once', async () => {
    const even = fakeMachine({ direct: 5, F2: 5, F4: 5 });
    await tune(graphOf(), {}, even);
    expect(even.runs).toHaveLength(9);
    const [first, second, third] = [...new Set(even.runs)] as [string, string, string];
    const machine = fakeMachine({ [first]: 5, [second]: 9, [third]: 11 });
    await tune(graphOf(), {}, machine);
    expect(machine.runs).toEqual([first, first, first, second, second, second, third]);
  });

  it('stops after a second, and writes down only what was compared', async () => {
    const machine = fakeMachine({ direct: 60, F2: 60, F4: 50 });
    const table: AutotuneTable = {};
    await tune(graphOf(5), table, machine);
    expect(machine.now()).toBeLessThan(1100);
    expect(Object.values(table)).toEqual(['F4', 'F4']);
    const slow: AutotuneTable = {};
    await tune(graphOf(), slow, fakeMachine({ direct: 2000, F2: 2000, F4: 2000 }));
    expect(slow).toEqual({});
  });

  it('passes over names that no variant has', () => {
    const key = 'fake/simd/1/conv x=1x16x20x20 weight=16x16x3x3 bias=- {"stride":1,"padding":1,"algorithm":"auto"}';
    expect(algorithmsOf(tuned(graphOf(), { [key]: 'F2' }, { kind: 'wasm', name: 'fake/simd/1' }))[0]).toBe('F2');
    expect(algorithmsOf(tuned(graphOf(), { [key]: 'F9' }, { kind: 'wasm', name: 'fake/simd/1' }))[0]).toBe('auto');
  });
});

describe('a device with a table', () => {
  afterEach(() => vi.restoreAllMocks());

  const kernelsOf = async (
    autotune: AutotuneTable | false,
  ): Promise<{ kernels: string[]; numbers: Float32Array; bytes: number }> => {
    const device = await createWasmDevice({ threads: 1, profile: true, autotune });
    const x = tensor(
      device,
      Float32Array.from({ length: 16 * 144 }, (_, k) => Math.sin(k)),
      [1, 16, 12, 12],
    );
    const weight = tensor(
      device,
      Float32Array.from({ length: 16 * 16 * 9 }, (_, k) => Math.cos(k)),
      [16, 16, 3, 3],
    );
    const y = conv({ x, weight }, { padding: 1 });
    const numbers = (await y.read()) as Float32Array;
    const bytes = device.memory().bytes;
    const kernels = [...device.profile.keys()];
    device.dispose();
    return { kernels, numbers, bytes };
  };

  it('lowers to what the table says', async () => {
    const table: AutotuneTable = {};
    const timed = await kernelsOf(table);
    const [key] = Object.keys(table);
    expect(key).toMatch(/^[0-9a-f]{8}\/(simd|relaxed)\/1\/conv x=1x16x12x12 weight=16x16x3x3/);
    const direct = await kernelsOf({ [key!]: 'direct' });
    const large = await kernelsOf({ [key!]: 'F4' });
    expect(direct.kernels).toContain('conv/conv_direct');
    expect(large.kernels).not.toContain('conv/conv_direct');
    for (const { numbers } of [timed, large])
      numbers.forEach((value, k) => expect(Math.abs(value - direct.numbers[k]!)).toBeLessThan(1e-3));
  });

  it('times gradients too, with finite numbers after', async () => {
    const table: AutotuneTable = {};
    const device = await createWasmDevice({ threads: 2, autotune: table });
    const x = tensor(device, new Float32Array(8 * 512).fill(1), [1, 8, 8, 8, 8]);
    const weight = tensor(device, new Float32Array(64 * 27).fill(0.1), [8, 8, 3, 3, 3]);
    const { gradients } = valueAndGradients(() => mean({ x: conv({ x, weight }, { padding: 1 }) }), [x, weight]);
    for (const gradient of gradients) expect((await gradient!.read()).every(Number.isFinite)).toBe(true);
    expect(
      Object.keys(table)
        .map((key) => key.split('/')[3]!.split(' ')[0])
        .sort(),
    ).toEqual(['conv', 'convInputGradient', 'convWeightGradient']);
    device.dispose();
  });

  it('is off by default, and never together with deterministic', async () => {
    const clock = vi.spyOn(performance, 'now');
    const device = await createWasmDevice({ threads: 2 });
    const weight = tensor(device, new Float32Array(64 * 9), [8, 8, 3, 3]);
    await conv({ x: tensor(device, new Float32Array(8 * 64), [1, 8, 8, 8]), weight }, { padding: 1 }).read();
    expect(clock).not.toHaveBeenCalled();
    device.dispose();
    await expect(createWasmDevice({ deterministic: true, autotune: {} })).rejects.toThrow(DeviceError);
  });
});
