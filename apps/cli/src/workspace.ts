/** Where raw data, preprocessed data and results live: nnU-Net's three variables, or one workspace folder. */
import { join, resolve } from 'node:path';
import type { Context } from './context.ts';

export interface Workspace {
  readonly raw: string;
  readonly preprocessed: string;
  readonly results: string;
}

/** `nnUNet_raw`, `nnUNet_preprocessed`, `nnUNet_results` where set; the rest below --workspace (default ./voxelwise). */
export function workspaceOf(context: Context): Workspace {
  const base = baseOf(context);
  const useEnvironment = context.workspaceFlag === undefined;
  const root = (variable: string, name: string): string => {
    const given = useEnvironment ? context.environment[variable] : undefined;
    return given !== undefined && given !== '' ? resolve(given) : join(base, name);
  };
  return {
    raw: root('nnUNet_raw', 'raw'),
    preprocessed: root('nnUNet_preprocessed', 'preprocessed'),
    results: root('nnUNet_results', 'results'),
  };
}

/** Where --autotune keeps its choices. */
export function autotuneFile(context: Context): string {
  return join(baseOf(context), 'autotune.json');
}

function baseOf(context: Context): string {
  return resolve(context.workspaceFlag ?? context.environment['VOXELWISE_WORKSPACE'] ?? 'voxelwise');
}

/** `nnUNetTrainer__nnUNetPlans__3d_fullres`. */
export function modelFolder(trainer: string, plans: string, configuration: string): string {
  return `${trainer}__${plans}__${configuration}`;
}
