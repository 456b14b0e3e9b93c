/** The files of a new operation: y = factor · x, to be replaced piece by piece. Keys are file endings. */
export function opFiles(folder, name) {
  const type = `${name[0].toUpperCase()}${name.slice(1)}Options`;
  const kernel = folder.replaceAll('-', '_');
  return {
    '.ts': `/**
 * factor · x. (Say here what the operation computes, the shapes, the units and the source.)
 *
 * Shape: f32, any -> the same.
 */
import { DTypeError } from '../../errors.ts';
import { defineOp } from '../../op/op.ts';
import { describe } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { reference } from './${folder}.reference.ts';
import { wasm } from './${folder}.wasm.ts';
import { webgpu } from './${folder}.webgpu.ts';

export interface ${type} {
  readonly factor: number;
}

export const ${name} = defineOp<{ x: Tensor }, ${type}>({
  name: '${name}',
  defaults: { factor: 2 },
  shape: ({ x }) => {
    if (x.dtype !== 'f32')
      throw new DTypeError(\`${name}: x is f32, came \${describe(x)}; convert it with cast.\`, { dtype: x.dtype });
    return { shape: x.shape, dtype: 'f32' };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    { name: 'typical', inputs: { x: { shape: [2, 16, 3, 4, 5] } } },
    { name: 'odd sizes', inputs: { x: { shape: [1, 3, 5, 7] } }, options: { factor: -0.5 } },
    { name: 'one number', inputs: { x: { shape: [1] } } },
  ],
  tolerance: { f32: 1e-6 },
});
`,
    '.reference.ts': `/** The definition of right: plain loops, checked by eye. */
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ${type} } from './${folder}.ts';

export const reference: ReferenceKernel<{ x: Tensor }, ${type}> = ({ x }, { factor }, [y]) => {
  for (let k = 0; k < y.data.length; k++) y.data[k] = factor * x.data[k];
};
`,
    '.wasm.ts': `/** Lowering to one kernel call; either layout, since every stored number is treated alike. */
import { float, int, pointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import { storedBytes } from '../../devices/wasm/layouts.ts';
import type { ${type} } from './${folder}.ts';

export const wasm: WasmKernel<${type}> = {
  layouts: ({ inputs }) => ({ inputs: { x: inputs['x']!.layout }, outputs: [inputs['x']!.layout] }),
  lower: ({ inputs, outputs: [y], options: { factor } }) => [
    {
      kernel: '${kernel}',
      args: [pointer(inputs['x']!), pointer(y), int(storedBytes(y, y.layout) / 4), float(factor)],
    },
  ],
};
`,
    '.as.ts': `// ${name} (AssemblyScript). A thread owns one contiguous run, four numbers at a time; buffers are padded to 16 bytes.
import { address, word } from '../../devices/wasm/simd.as';

/** args: x, y, elements, factor. */
export function ${kernel}(args: usize, part: i32, parts: i32): void {
  const x = address(args, 0);
  const y = address(args, 1);
  const vectors = (word(args, 2) + 3) >> 2;
  const factor = v128.load32_splat(args, 12);
  const begin = <usize>(<i64>vectors * part / parts) << 4;
  const end = <usize>(<i64>vectors * (part + 1) / parts) << 4;
  for (let at = begin; at < end; at += 16) v128.store(y + at, f32x4.mul(v128.load(x + at), factor));
}
`,
    '.webgpu.ts': `/** Lowering to one dispatch. */
import { cutPointwise } from '../../devices/webgpu/cuts.ts';
import { f32, linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/${folder}.ts';
import { sizeOf } from '../../tensor/spec.ts';
import type { ${type} } from './${folder}.ts';

export const webgpu: WebGpuKernel<${type}> = {
  cuts: (call) => cutPointwise(call),
  lower: ({ inputs, outputs: [y], options: { factor } }) => [
    {
      shader,
      bindings: [inputs['x']!, y],
      uniforms: [u32(sizeOf(y.shape)), f32(factor)],
      workgroups: linearGroups(sizeOf(y.shape), 64),
    },
  ],
};
`,
    '.wgsl': `// ${name}: an invocation owns one number. Nothing is staged: every number is read once. 64 invocations suit every GPU.
struct Settings {
  elements: u32,
  factor: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> settings: Settings;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k < settings.elements) { y[k] = settings.factor * x[k]; }
}
`,
    '.gradient.ts': `/** dx = factor · dy. (Write the derivative above its code.) */
import { defineGradient, type GradientRule } from '../../autograd/gradient.ts';
import { ${name} } from './${folder}.ts';

export const ${name}Rule: GradientRule = defineGradient(${name}, ({ dy, options }) => ({
  x: ${name}({ x: dy }, options),
}));
`,
    '.test.ts': `import { testOp } from '../../testing/conformance.ts';
import { ${name} } from './${folder}.ts';

testOp(${name});
`,
    '.bench.ts': `/** The sizes our networks use, against a copy of the same bytes: npx vitest bench --run libs/compute/src/ops/${folder} */
import { bench, describe } from 'vitest';
import { createWasmDevice } from '../../devices/wasm/wasm-device.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { tensor } from '../../tensor/tensor.ts';
import { ${name} } from './${folder}.ts';

const shape = [2, 32, 40, 56, 40];
const data = new Float32Array(sizeOf(shape)).fill(1);
const to = new Float32Array(data.length);
const device = await createWasmDevice({ threads: 1 });
const x = tensor(device, data, shape);

describe(\`${name} [\${shape.join(', ')}], \${device.name}\`, () => {
  bench('${name}', async () => {
    const y = ${name}({ x });
    await device.flush();
    y.dispose();
  });
  bench('copying as many bytes', () => to.set(data));
});
`,
  };
}
