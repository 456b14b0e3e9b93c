/** What every command gets: where to speak, on what to compute, where to work, and when to stop. */
import type { AutotuneTable, Device, DeviceError } from '@voxelwise/compute';
import { availableParallelism } from 'node:os';
import { readAutotuneTable, saveAutotuneTable } from './autotune-file.ts';
import { Output } from './terminal/output.ts';
import { CommandUsageError, InterruptedError } from './exit.ts';
import { deviceBytes } from './memory.ts';
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
  const threads = flags.threads === undefined ? availableParallelism() : parseWhole(flags.threads, '--threads');
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
    maxMemory: flags.maxMemory === undefined ? undefined : memoryOf(flags.maxMemory),
    workspaceFlag: flags.workspace,
    autotune: flags.autotune ?? false,
    environment,
    signal,
    run,
  };
}

/** Throws: ResourceError for less than this program takes before any work. */
function memoryOf(text: string): number {
  const maxMemory = parseBytes(text);
  deviceBytes({ maxMemory });
  return maxMemory;
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

/** Loaded when a command computes: kernels are most of what this program would load. */
const compute = (): Promise<typeof import('@voxelwise/compute')> => import('@voxelwise/compute');

/**
 * Opens the device that was asked for and says which it is and why. The caller disposes it.
 * `beside`: bytes of --max-memory that the work takes next to the device.
 */
export async function openDevice(context: Context, purpose = 'compute', beside = 0): Promise<Device> {
  const { output } = context;
  const wasm = (): Promise<Device> => openWasm(context, beside);
  let device: Device;
  let why: string;
  if (context.device === 'reference') [device, why] = [(await compute()).createReferenceDevice(), 'as asked'];
  else if (context.device === 'wasm') [device, why] = [await wasm(), 'as asked'];
  else if (context.device === 'webgpu') [device, why] = [await openWebGpu(context, true), 'as asked'];
  else {
    const gpu = await openWebGpu(context, false).catch(() => undefined);
    if (gpu) [device, why] = [gpu, 'a GPU is there'];
    else [device, why] = [await wasm(), 'no GPU that is real'];
  }
  output.note(`${purpose} on ${device.name}: ${why}`);
  return device;
}

async function openWasm(context: Context, beside: number): Promise<Device> {
  const { createWasmDevice } = await compute();
  const options = { threads: context.threads, maxBytes: deviceBytes(context, beside) };
  return tuned(context, (autotune) => createWasmDevice({ ...options, ...autotune }));
}

/** With --autotune the device goes by the workspace's table, and what it measured is saved when it is disposed. */
async function tuned(
  context: Context,
  open: (options: { readonly autotune?: AutotuneTable }) => Promise<Device>,
): Promise<Device> {
  if (!context.autotune) return open({});
  const file = autotuneFile(context);
  const table = readAutotuneTable(file);
  const known = Object.keys(table).length;
  const device = await open({ autotune: table });
  beforeDisposal(device, () => {
    if (Object.keys(table).length > known) saveAutotuneTable(file, table);
  });
  return device;
}

function beforeDisposal(device: Device, act: () => void): void {
  const dispose = device.dispose.bind(device);
  device.dispose = () => {
    act();
    dispose();
  };
}

/** Which device took the place of a lost one. */
const successors = new WeakMap<Device, Device>();

/** The device, or the one that was opened in its place. */
export function livingDevice(device: Device): Device {
  let living = device;
  for (let next = successors.get(living); next !== undefined; next = successors.get(living)) living = next;
  return living;
}

/** Opens another device of the kind asked for in the place of one that was lost; it is disposed together with that one. */
export async function reopenDevice(context: Context, device: Device, lost: DeviceError): Promise<Device> {
  context.output.note(lost.message);
  const successor = await openDevice(context, 'going on');
  const before = livingDevice(device);
  successors.set(before, successor);
  beforeDisposal(before, () => successor.dispose());
  return successor;
}

/** One thread on this one, for preprocessing: single cases gain little from more, and nothing has to be handed over. */
export async function openPreparationDevice(context: Context): Promise<Device> {
  return (await compute()).createWasmDevice({ threads: 1, maxBytes: deviceBytes(context) });
}

/** One thread on this one, for the small work beside training: augmentation. */
export async function openAugmentationDevice(): Promise<Device> {
  return (await compute()).createWasmDevice({ threads: 1 });
}

/** A software GPU counts only when `named`. */
async function openWebGpu(context: Context, named: boolean): Promise<Device> {
  const { openNodeGpu } = await import('./webgpu.ts');
  return tuned(context, (autotune) => openNodeGpu(named, autotune));
}
