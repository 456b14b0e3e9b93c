/** `bench`: times operations, networks and the workloads of the peers, on this machine. */
import { createWasmDevice } from '@voxelwise/compute';
import { timeWorkloads } from '../bench/peers-workloads.ts';
import { openDevice, type Context } from '../context.ts';
import { CommandUsageError } from '../exit.ts';
import { peakMemoryBytes } from '../machine.ts';
import { formatTable } from '../terminal/output.ts';
import type { CommandDefinition } from '../program.ts';
import { version } from '../version.ts';

interface BenchFlags {
  readonly seconds: string;
  readonly only?: string;
  readonly shrink: string;
  readonly deterministic?: boolean;
}

/** What each subject times, as workloads of bench/peers-workloads.ts. */
const SUBJECTS: Readonly<Record<string, readonly string[]>> = {
  'peers-workloads': ['A', 'B'],
  ops: ['B'],
  network: ['A'],
  train: ['A'],
  predict: ['A'],
  '2d': ['C'],
};

export const benchCommand: CommandDefinition = {
  name: 'bench',
  define: (command, withContext) =>
    command
      .description('times operations and networks on this machine')
      .argument('[subject]', `one of ${Object.keys(SUBJECTS).join(', ')}`, 'peers-workloads')
      .option('--seconds <n>', 'seconds to spend on each figure', '2')
      .option('--only <list>', 'workloads, e.g. A,B')
      .option('--shrink <n>', 'divide every spatial size, for a quick look', '1')
      .option('--deterministic', 'kernels with separate multiply and add: the same bits on every machine')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise bench peers-workloads --json --threads 2\n  $ voxelwise bench ops --seconds 1',
      )
      .action(
        withContext(async (context: Context, subject: string, flags: BenchFlags) => {
          const only = flags.only?.split(',') ?? SUBJECTS[subject];
          if (only === undefined)
            throw new CommandUsageError(
              `bench: no subject is called '${subject}'; known are ${Object.keys(SUBJECTS).join(', ')}`,
            );
          const device = flags.deterministic
            ? await createWasmDevice({ threads: context.threads, deterministic: true })
            : await openDevice(context, 'bench');
          const times = await timeWorkloads(device, {
            seconds: Number(flags.seconds),
            only,
            shrink: Number(flags.shrink),
          });
          const rows = flatten(times).map(([name, timing]) => [
            name,
            `${(timing.min * 1000).toFixed(1)}`,
            String(timing.n),
          ]);
          context.output.print(formatTable(['figure', 'best ms', 'runs'], rows));
          if (context.output.json)
            process.stdout.write(
              `${JSON.stringify({ version, threads: context.threads, device: device.name, ...times, peakMemoryBytes: peakMemoryBytes(), devicePeakBytes: device.memory().peakBytes })}\n`,
            );
          device.dispose();
        }),
      ),
};

function flatten(value: object, path = ''): [string, { min: number; n: number }][] {
  if ('min' in value) return [[path, value as { min: number; n: number }]];
  return Object.entries(value).flatMap(([key, inner]) =>
    flatten(inner as object, path === '' ? key : `${path}.${key}`),
  );
}
