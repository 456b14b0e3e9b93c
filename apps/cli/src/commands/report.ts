/** `report`: draws report.html from what a run left in its folder. */
import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { readVolume } from '@voxelwise/io/node';
import { InputError } from '../exit.ts';
import { readJson, writeWhole } from '../files.ts';
import type { Context } from '../context.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { casesToDraw, renderReport, type DrawnCase } from '../report/report.ts';
import type { RunSummary } from '../report/run-summary.ts';
import { casePanels } from '../report/slices.ts';

export const SUMMARY_FILE = 'report.json';
export const REPORT_FILE = 'report.html';

export const reportCommand: CommandDefinition = {
  name: 'report',
  define: (command, withContext) =>
    command
      .description('one self-contained HTML file of a run: plan, curves, scores, pictures')
      .argument('<run folder>', 'folder with report.json')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise report voxelwise/results/Dataset004_Hippocampus\n  $ voxelwise report voxelwise/quickstart/results/Dataset004_Hippocampus --json',
      )
      .action(
        withContext(async (context: Context, folder: string) => {
          const path = await writeReport(folder);
          context.output.print(`wrote ${path}`);
          context.output.document({ outputs: { report: path } });
        }),
      ),
};

/** Draws the report of a run folder and returns its path. Throws: InputError if the folder holds no run. */
export async function writeReport(folder: string): Promise<string> {
  const file = join(folder, SUMMARY_FILE);
  if (!existsSync(file))
    throw new InputError(
      'no-run',
      `${folder}: holds no ${SUMMARY_FILE}; give the folder that \`voxelwise run\` named at its end.`,
      folder,
    );
  const summary = await readJson<RunSummary>(file);
  const drawn: DrawnCase[] = [];
  for (const { rank, score } of casesToDraw(summary.cases)) {
    const at = (path: string): string => (isAbsolute(path) ? path : join(folder, path));
    if (![score.image, score.reference, score.prediction].every((path) => existsSync(at(path)))) continue;
    const [image, reference, prediction] = await Promise.all([
      readVolume(at(score.image)),
      readVolume(at(score.reference)),
      readVolume(at(score.prediction)),
    ]);
    drawn.push({ rank, score, panels: casePanels({ image, reference, prediction, labels: labelsOf(summary) }) });
  }
  const target = join(folder, REPORT_FILE);
  await writeWhole(target, renderReport(summary, drawn));
  return target;
}

/** Label values in the order of the classes; a region is drawn by its own last label. */
function labelsOf(summary: RunSummary): number[] {
  return Object.keys(summary.perClass).map((name) => {
    const value = summary.dataset.labels[name];
    return typeof value === 'number' ? value : (value?.at(-1) ?? Number.NaN);
  });
}
