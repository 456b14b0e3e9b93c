/** Compiles the AssemblyScript kernels with the options that the WASM device's memory asks for. */
import asc from 'assemblyscript/asc';
import { readFileSync } from 'node:fs';

export async function compileKernels(source: URL): Promise<Uint8Array<ArrayBuffer>> {
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  const { error, stderr } = await asc.main(
    [
      'kernels.ts',
      '--outFile',
      'kernels.wasm',
      '-O3',
      '--noAssert',
      '--runtime',
      'stub',
      '--enable',
      'simd,threads',
      '--importMemory',
      '--sharedMemory',
      '--initialMemory',
      '1',
      '--maximumMemory',
      '65536',
    ],
    {
      readFile: (name) => (name === 'kernels.ts' ? readFileSync(source, 'utf8') : null),
      writeFile: (name, contents) => {
        if (name.endsWith('.wasm')) bytes = Uint8Array.from(contents as Uint8Array);
      },
    },
  );
  if (error || bytes === undefined)
    throw new Error(`the kernels do not compile:\n${stderr.toString()}`, { cause: error });
  return bytes;
}
