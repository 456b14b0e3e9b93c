/** `doctor`: what this machine can do, and what is wrong with a data set, before anything is computed. */
import type { Fault } from '@voxelwise/io';
import { TAG, examineDicom, scanDicom } from '@voxelwise/io/dicom';
import { dicomFolder } from '@voxelwise/io/node';
import { arch } from 'node:os';
import type { Context } from '../context.ts';
import { InputError } from '../exit.ts';
import { exists } from '../files.ts';
import { describeMachine, type MachineReport } from '../machine.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { isDicom } from '../stages/dicom-conversion.ts';
import { examineStage } from '../stages/examination.ts';
import { formatTable } from '../terminal/output.ts';
import { formatBytes } from '../values.ts';
import { describeGpu } from '../webgpu.ts';

export const doctorCommand: CommandDefinition = {
  name: 'doctor',
  define: (command, withContext) =>
    command
      .description('what this machine can do; with a data set or DICOM files, what is wrong with them')
      .argument('[dataset]', 'id, name or path of a data set, or a folder of DICOM')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise doctor\n  $ voxelwise doctor Task04_Hippocampus --json\n  $ voxelwise doctor dicom-folder',
      )
      .action(
        withContext(async (context: Context, spec: string | undefined) => {
          const machine = { ...(await describeMachine('.')), gpu: await describeGpu() };
          context.output.print(machineTable(machine));
          const faults = spec === undefined ? [] : await examine(context, spec);
          if (spec !== undefined) context.output.print(`\n${faultTable(faults)}`);
          const errors = faults.filter((fault) => fault.severity === 'error');
          if (errors.length > 0 && !context.output.json) throw dataError(spec!, errors);
          context.output.document({ machine, faults });
          if (errors.length > 0) process.exitCode = 3;
        }),
      ),
};

/** Faults of a data set, or of the series in a folder of DICOM, which are listed. */
async function examine(context: Context, spec: string): Promise<readonly Fault[]> {
  if (!exists(spec) || !(await isDicom(spec))) return examineStage(context, spec);
  const { signal, output } = context;
  const scan = await scanDicom(dicomFolder(spec), { signal });
  const rows = scan.stacks.map(({ series, part, parts, modality, description, frames, lattice }) => [
    parts > 1 ? `${series} part ${part}` : series,
    modality,
    description,
    String(frames.length),
    lattice === undefined ? '' : `${lattice.slices} × ${lattice.rows} × ${lattice.columns}`,
  ]);
  const objects = scan.objects.map(({ name, dataset }) => [
    name,
    dataset.string(TAG.Modality) ?? '',
    dataset.text(TAG.SeriesDescription) ?? '',
    '',
    '',
  ]);
  output.print(`\n${formatTable(['series', '', '', 'images', 'volume'], [...rows, ...objects])}`);
  return examineDicom(scan, { signal });
}

/** Data that would break a training. */
export function dataError(spec: string, errors: readonly Fault[]): InputError {
  const [first] = errors;
  const more = errors.length > 1 ? ` and ${errors.length - 1} more` : '';
  return new InputError(
    'data-faults',
    `${spec}: ${errors.length} fault${errors.length === 1 ? '' : 's'} would break a training: ${first!.message.replace(/\.$/, '')}${more}. ${first!.fix}`,
    first!.file,
    { faults: errors },
  );
}

function machineTable(machine: MachineReport & { readonly gpu: string }): string {
  const rows = [
    ['processor', `${machine.cpu}, ${machine.cores} threads (${arch()})`],
    ['SIMD', machine.simd === 'relaxed' ? 'relaxed SIMD (fused multiply-add)' : 'SIMD (no fused multiply-add)'],
    ['threads', machine.sharedMemory ? 'shared memory: all cores' : 'no shared memory: one thread'],
    ['GPU', machine.gpu],
    ['memory', `${formatBytes(machine.memoryBytes)}, ${formatBytes(machine.freeMemoryBytes)} free`],
    ['disk', `${formatBytes(machine.freeDiskBytes)} free`],
    ['system', `${machine.system}, Node ${machine.node}`],
  ];
  return formatTable(['machine', ''], rows);
}

/** One block per fault: where, what differs, what to do. Errors come first. */
export function faultTable(faults: readonly Fault[]): string {
  if (faults.length === 0) return 'no faults found';
  const count = (severity: Fault['severity']): string => {
    const n = faults.filter((fault) => fault.severity === severity).length;
    return `${n} ${severity}${n === 1 ? '' : 's'}`;
  };
  const blocks = faults.map(
    (f) => `${f.severity === 'error' ? '✗' : '!'} ${f.file}  (${f.code})\n    ${f.message}\n    → ${f.fix}`,
  );
  return `${blocks.join('\n')}\n\n${count('error')}, ${count('warning')}`;
}
