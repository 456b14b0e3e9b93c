/**
 * Writes a model folder with random weights, for measuring what prediction with a network of that size takes.
 *
 *   npx tsx --conditions=@voxelwise/source tools/random-model.ts FOLDER [--classes 117] [--spacing 3] [--patch 112,112,128] [--width 32]
 *
 * With 117 classes they bear TotalSegmentator's names.
 */
import { parseArgs } from 'node:util';
import { TOTAL_CLASSES, writeRandomModel } from '../apps/cli/src/testing/random-model.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    classes: { type: 'string', default: '117' },
    spacing: { type: 'string', default: '3' },
    patch: { type: 'string', default: '112,112,128' },
    width: { type: 'string', default: '32' },
  },
});
const [folder] = positionals;
if (folder === undefined) throw new Error('random-model: name the folder to write.');
const triple = (text: string): [number, number, number] => {
  const numbers = text.split(',').map(Number);
  return [numbers[0]!, numbers[1] ?? numbers[0]!, numbers[2] ?? numbers[0]!];
};
const count = Number(values.classes);
await writeRandomModel(folder, {
  classes: count === TOTAL_CLASSES.length ? TOTAL_CLASSES : Array.from({ length: count }, (_, k) => `class_${k + 1}`),
  spacing: triple(values.spacing),
  patch: triple(values.patch),
  width: Number(values.width),
});
