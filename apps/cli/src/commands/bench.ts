/** `bench`: times operations, networks and work on whole images on this machine, and compares with an earlier time. */
import { createWasmDevice, type Device } from '@voxelwise/compute';
import { timeFiles, timePrediction, timePreprocessing } from '../bench/cases.ts';
import { timeWorkloads } from '../bench/peers-workloads.ts';
import type { Timing } from '../bench/timing.ts';
import { openDevice, type Context } from '../context.ts';
import { CommandUsageError, InputError } from '../exit.ts';
import { exists, readJson } from '../files.ts';
import { peakMemoryBytes } from '../machine.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { formatTable } from '../terminal/output.ts';
import { version } from '../version.ts';

interface BenchFlags {
  readonly seconds: string;
  readonly only?: string;
  readonly shrink: string;
  readonly deterministic?: boolean;
  readonly against?: string;
}

interface Sizes {
  readonly seconds: number;
  readonly shrink: number;
}

type Subject = (device: Device, sizes: Sizes) => Promise<object>;

/** Networks: A is a 3D U-Net on 2 patches of 40×56×40, C a 2D U-Net on 12 of 512². B are single convolutions. */
const workloads =
  (only: readonly string[], passes?: readonly ('fwd' | 'step')[]): Subject =>
  (device, sizes) =>
    timeWorkloads(device, { ...sizes, only, ...(passes && { passes }) });

const SUBJECTS: Readonly<Record<string, Subject>> = {
  'peers-workloads': workloads(['A', 'B']),
  ops: workloads(['B']),
  network: workloads(['A'], ['fwd']),
  train: workloads(['A'], ['step']),
  predict: timePrediction,
  preprocess: (_, sizes) => timePreprocessing(sizes),
  io: (_, sizes) => timeFiles(sizes),
};

export const benchCommand: CommandDefinition = {
  name: 'bench',
  define: (command, withContext) =>
    command
      .description('times operations, networks and work on whole images on this machine')
      .argument('[subject]', `one of ${Object.keys(SUBJECTS).join(', ')}`, 'peers-workloads')
      .option('--seconds <n>', 'seconds to spend on each figure', '2')
      .option('--only <list>', 'peers-workloads: A, B or C, with commas between')
      .option('--shrink <n>', 'divide every spatial size, for a quick look', '1')
      .option('--deterministic', 'kernels with separate multiply and add: the same bits on every machine')
      .option('--against <file>', 'what an earlier bench printed with --json: shows how much faster this is')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise bench ops --json > before.json\n  $ voxelwise bench ops --against before.json\n  $ voxelwise bench peers-workloads --json --threads 2',
      )
      .action(withContext(bench)),
};

async function bench(context: Context, name: string, flags: BenchFlags): Promise<void> {
  const subject = flags.only === undefined ? SUBJECTS[name] : workloads(flags.only.split(','));
  if (subject === undefined)
    throw new CommandUsageError(`bench: no subject is called '${name}'; known are ${Object.keys(SUBJECTS).join(', ')}`);
  const before = flags.against === undefined ? undefined : await earlier(flags.against);
  const device = flags.deterministic
    ? await createWasmDevice({ threads: context.threads, deterministic: true })
    : await openDevice(context, 'bench');
  try {
    const times = await subject(device, { seconds: Number(flags.seconds), shrink: Number(flags.shrink) });
    const figures = flatten(times);
    const ratios = new Map(
      figures.flatMap(([figure, { min }]) => {
        const then = before?.get(figure);
        return then === undefined ? [] : [[figure, then.min / min] as const];
      }),
    );
    const rows = figures.map(([figure, { min, n }]) => [
      figure,
      (min * 1000).toFixed(1),
      String(n),
      ...(before ? [ratios.get(figure)?.toFixed(2) ?? '–'] : []),
    ]);
    context.output.print(formatTable(['figure', 'best ms', 'runs', ...(before ? ['times as fast'] : [])], rows));
    const document = {
      version,
      threads: context.threads,
      device: device.name,
      ...times,
      ...(before && { against: Object.fromEntries(ratios) }),
      peakMemoryBytes: peakMemoryBytes(),
      devicePeakBytes: device.memory().peakBytes,
    };
    // Lines of several benches can go into one file.
    context.output.document(document, 0);
  } finally {
    device.dispose();
  }
}

/** Figures of an earlier bench by name. Throws: InputError. */
async function earlier(path: string): Promise<ReadonlyMap<string, Timing>> {
  if (!exists(path)) throw new InputError('missing-file', `--against ${path}: there is no such file.`, path);
  const figures = flatten(await readJson<object>(path));
  if (figures.length === 0)
    throw new InputError('no-figures', `--against ${path}: holds no times; save what \`bench … --json\` prints.`, path);
  return new Map(figures);
}

function flatten(value: object, path = ''): [string, Timing][] {
  if ('min' in value) return [[path, value as Timing]];
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === 'object' && inner !== null ? flatten(inner as object, path === '' ? key : `${path}.${key}`) : [],
  );
}
