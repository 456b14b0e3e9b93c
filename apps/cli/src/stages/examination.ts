/** The data doctor over a data set. */
import type { Context } from '../context.ts';
import { openDataset, type OpenedDataset } from './dataset.ts';

export interface Fault { readonly severity: 'error' | 'warning'; readonly code: string; readonly file: string; readonly message: string; readonly fix: string }

export async function examineDataset(_context: Context, _dataset: OpenedDataset): Promise<readonly Fault[]> {
  return [];
}
export async function examineStage(context: Context, spec: string): Promise<readonly Fault[]> {
  return examineDataset(context, await openDataset(context, spec));
}
