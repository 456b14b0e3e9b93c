/** The data doctor over a data set, with progress. */
import { examineDataset as examine, faultOf, type Fault } from '@voxelwise/io';
import type { Context } from '../context.ts';
import { openDataset, type OpenedDataset } from './dataset.ts';

export async function examineDataset(context: Context, { source }: OpenedDataset): Promise<readonly Fault[]> {
  const progress = context.output.progress(
    'doctor',
    source.training.length + source.validation.length + source.test.length,
    'case',
  );
  const faults = await examine(source, {
    signal: context.signal,
    onCase: (done, _total, id) => progress.update(done, id),
  });
  progress.end();
  return faults;
}

/** As above, for a data set that may not even open: that is a fault too. */
export async function examineStage(context: Context, spec: string): Promise<readonly Fault[]> {
  let dataset: OpenedDataset;
  try {
    dataset = await openDataset(context, spec);
  } catch (error) {
    return [faultOf(error, spec)];
  }
  return examineDataset(context, dataset);
}
