/** What every command gets: where to speak, on what to compute, where to work, and when to stop. */
import { createWasmDevice, createReferenceDevice, hardwareThreads, type Device } from '@voxelwise/compute';
import { readAutotuneTable, saveAutotuneTable } from './autotune-file.ts';
import { Output } from './terminal/output.ts';
import { CommandUsageError, InterruptedError } from './exit.ts';
import { parseBytes, parseWhole } from './values.ts';
import { autotuneFile } from './workspace.ts';

/** Flags that every command takes. */
export interface GlobalFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly device?: string;
  readonly threads?: string;
  readonly seed?: string;
  readonly maxMemory?: string;
  readonly workspace?: string;
  readonly autotune?: boolean;
}

export type DeviceChoice = 'auto' | 'webgpu' | 'wasm' | 'reference';

export interface Context {
  readonly output: Output;
  readonly device: DeviceChoice;
  readonly threads: number;
  readonly seed: number;
  /** Bytes; undefined: what the machine has. */
  readonly maxMemory: number | undefined;
  readonly workspaceFlag: string | undefined;
  /** Whether algorithms are chosen by the clock, and the choices kept in the workspace. */
  readonly autotune: boolean;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Runs another command line, with more environment if given, and returns its document. */
  readonly run: (words: readonly string[], environment?: Readonly<Record<string, string>>) => Promise<unknown>;
}

/** What the program around a command gives it. */
export interface ProgramLinks extends Pick<Context, 'signal' | 'environment' | 'run'> {
  /** Takes the command's document instead of stdout. */
  readonly onDocument?: ((value: unknown) => void) | undefined;
}

export function makeContext(flags: GlobalFlags, { signal, environment, run, onDocument }: ProgramLinks): Context {
  const device = flags.device ?? 'auto';
  if (!['auto', 'webgpu', 'wasm', 'reference'].includes(device))
    throw new CommandUsageError(`--device is one of auto, webgpu, wasm, reference; came '${device}'`);
  const threads = flags.threads === undefined ? hardwareThreads() : parseWhole(flags.threads, '--threads');
  if (threads < 1) throw new CommandUsageError(`--threads is at least 1, came ${threads}`);
  return {
    output: new Output({
      json: flags.json ?? false,
      quiet: flags.quiet ?? false,
      verbose: flags.verbose ?? false,
      onDocument,
    }),
    device: device as DeviceChoice,
    threads,
    seed: flags.seed === undefined ? 1234 : parseWhole(flags.seed, '--seed'),
    maxMemory: flags.maxMemory === undefined ? undefined : parseBytes(flags.maxMemory),
    workspaceFlag: flags.workspace,
    autotune: flags.autotune ?? false,
    environment,
    signal,
    run,
  };
}

/** The global flags again, as words: for a command that runs others. */
export function globalWords({ output, device, threads, seed, maxMemory, workspaceFlag, autotune }: Context): string[] {
  return [
    ...(output.json ? ['--json'] : []),
    ...(output.quiet ? ['--quiet'] : []),
    ...(output.verbose ? ['--verbose'] : []),
    '--device',
    device,
    '--threads',
    String(threads),
    '--seed',
    String(seed),
    ...(maxMemory === undefined ? [] : ['--max-memory', `${maxMemory}B`]),
    ...(workspaceFlag === undefined ? [] : ['--workspace', workspaceFlag]),
    ...(autotune ? ['--autotune'] : []),
  ];
}

/** Throws: InterruptedError once a signal came. */
export function stopIfInterrupted(context: Context): void {
  if (context.signal.aborted) throw new InterruptedError();
}

/** Opens the device that was asked for and says which it is and why. The caller disposes it. */
export async function openDevice(context: Context, purpose = 'compute'): Promise<Device> {
  const { output } = context;
  const wasm = (): Promise<Device> => openWasm(context);
  let device: Device;
  let why: string;
  if (context.device === 'reference') [device, why] = [createReferenceDevice(), 'as asked'];
  else if (context.device === 'wasm') [device, why] = [await wasm(), 'as asked'];
  else if (context.device === 'webgpu') [device, why] = [await openWebGpu(true), 'as asked'];
  else {
    const gpu = await openWebGpu(false).catch(() => undefined);
    if (gpu) [device, why] = [gpu, 'a GPU is there'];
    else [device, why] = [await wasm(), 'no GPU that is real'];
  }
  output.note(`${purpose} on ${device.name}: ${why}`);
  return device;
}

/** Share of --max-memory that the device may take; the rest is for files, images and segmentations beside it. */
const DEVICE_SHARE = 0.75;
/** The most a WASM memory can hold. */
const WASM_BYTES = 2 ** 32;

async function openWasm(context: Context): Promise<Device> {
  const { threads, maxMemory } = context;
  const options = {
    threads,
    ...(maxMemory === undefined ? {} : { maxBytes: Math.min(DEVICE_SHARE * maxMemory, WASM_BYTES) }),
  };
  if (!context.autotune) return createWasmDevice(options);
  const file = autotuneFile(context);
  const table = readAutotuneTable(file);
  const known = Object.keys(table).length;
  const device = await createWasmDevice({ ...options, autotune: table });
  const dispose = device.dispose.bind(device);
  device.dispose = () => {
    dispose();
    if (Object.keys(table).length > known) saveAutotuneTable(file, table);
  };
  return device;
}

/** One thread on this one, for the small work beside training: augmentation and preprocessing. */
export function openAugmentationDevice(): Promise<Device> {
  return createWasmDevice({ threads: 1 });
}

/** A software GPU counts only when `named`. */
async function openWebGpu(named: boolean): Promise<Device> {
  const { openNodeGpu } = await import('./webgpu.ts');
  return openNodeGpu(named);
}
