/** The file `postprocessing.json`, key for key as nnU-Net v2 writes it. Plain data: steps by name, never code. */
import type { LabelOrRegion } from '@voxelwise/planner';
import { parsePythonJson, writePythonJson } from '@voxelwise/volume';
import { EnsembleError } from '../errors.ts';
import type { Postprocessing } from './determine-postprocessing.ts';
import type { KeepLargest } from './keep-largest.ts';

const KEEP_LARGEST = 'remove_all_but_largest_component_from_segmentation';

/** The text of the file. */
export function writePostprocessing({ steps, before, after }: Postprocessing): string {
  const means = ({ foreground_mean, mean }: Postprocessing['before']): object => ({ foreground_mean, mean });
  const file = {
    input_folder: means(before),
    postprocessed: means(after),
    postprocessing_fns: steps.map(() => KEEP_LARGEST),
    postprocessing_kwargs: steps.map(({ labelsOrRegions }) => ({ labels_or_regions: labelsOrRegions })),
  };
  return writePythonJson(file, {
    sortKeys: true,
    isFloat: ([part]) => part === 'input_folder' || part === 'postprocessed',
  });
}

/** The steps of a file. Throws: JsonError; EnsembleError naming the step that is unknown or wrong. */
export function readPostprocessing(text: string, from = 'postprocessing.json'): KeepLargest[] {
  const file = parsePythonJson(text, from) as {
    readonly postprocessing_fns?: unknown;
    readonly postprocessing_kwargs?: unknown;
  } | null;
  const { postprocessing_fns: names, postprocessing_kwargs: settings } = file ?? {};
  if (!Array.isArray(names) || !Array.isArray(settings) || names.length !== settings.length)
    throw new EnsembleError(
      `${from}: "postprocessing_fns" and "postprocessing_kwargs" must be lists of the same length.`,
      { file: from },
    );
  return names.map((name: unknown, i) => {
    const labels = (settings[i] as { readonly labels_or_regions?: unknown } | null)?.labels_or_regions;
    if (name !== KEEP_LARGEST)
      throw new EnsembleError(`${from}: step ${i} is "${String(name)}"; the only step known is ${KEEP_LARGEST}.`, {
        file: from,
        step: i,
      });
    const flat = [labels].flat(2);
    if (flat.length === 0 || !flat.every((label) => Number.isInteger(label)))
      throw new EnsembleError(
        `${from}: step ${i} needs "labels_or_regions", whole numbers, came ${JSON.stringify(labels) ?? 'nothing'}.`,
        {
          file: from,
          step: i,
        },
      );
    return { labelsOrRegions: (Array.isArray(labels) ? flat : labels) as LabelOrRegion };
  });
}
