/** What is wrong with a segmentation or structure set, and whether it fits the images beside it. */
import { faultOf } from '../doctor/fault.ts';
import type { Fault } from '../doctor/fault.ts';
import type { DicomFile } from './dataset/parse.ts';
import { TAG } from './dataset/tags.ts';
import type { LabelVolume } from './segmentation/masks.ts';
import { readSegmentation } from './segmentation/read-segmentation.ts';
import { imagesOf } from './segmentation/referenced-series.ts';
import { targetOf } from './segmentation/target.ts';
import type { MaskTarget } from './segmentation/target.ts';
import { isSegmentation } from './series/scan.ts';
import type { DicomStack } from './series/scan.ts';
import { readStructures } from './structures/read-structures.ts';
import { readStructureSet } from './structures/structure-set.ts';

/** The images' grid; undefined where they are not there, or make no volume, which is told of with them. */
function gridBeside(file: DicomFile, stacks: readonly DicomStack[]): MaskTarget | undefined {
  const images = imagesOf(file, stacks);
  const isWhole = images?.issues.every((i) => i.severity === 'warn' || i.code === 'tilt') === true;
  return isWhole ? targetOf(images) : undefined;
}

function maskFaults({ name: file }: DicomFile, read: LabelVolume): Fault[] {
  const warn = (code: Fault['code'], message: string, fix: string): Fault => ({
    severity: 'warning',
    code,
    file,
    message,
    fix,
  });
  const look = 'Look at it in a viewer; draw or export it again if it should be there.';
  const faults = read.notes.map((note) => warn('mask-oddity', note, 'Check that these are its images.'));
  for (const { name, status, notes } of read.masks) {
    faults.push(...notes.map((note) => warn('mask-oddity', `${name}: ${note}.`, look)));
    if (status === 'empty') faults.push(warn('label-empty', `${name} has no voxel.`, look));
  }
  if (read.overlapVoxels > 0)
    faults.push(
      warn(
        'masks-overlap',
        `its masks overlap in ${read.overlapVoxels} voxels.`,
        "Choose onOverlap: 'priority' or 'channels' (--on-overlap) when it is read.",
      ),
    );
  return faults;
}

/** Faults of a segmentation or structure set; none of other objects. `stacks`: the images among the files. */
export async function examineMasks(file: DicomFile, stacks: readonly DicomStack[]): Promise<Fault[]> {
  const isContours = file.dataset.string(TAG.Modality) === 'RTSTRUCT';
  if (!isContours && !isSegmentation(file)) return [];
  try {
    const target = gridBeside(file, stacks);
    if (isContours && target === undefined) {
      const { regions } = readStructureSet(file);
      return regions.flatMap(({ name, contours }) =>
        contours.length > 0
          ? []
          : [
              {
                severity: 'warning',
                code: 'label-empty',
                file: file.name,
                message: `${name} has no contour.`,
                fix: 'Draw or export it again if it should be there.',
              } as const,
            ],
      );
    }
    const read =
      isContours && target !== undefined
        ? await readStructures(file, { target, onOverlap: 'priority' })
        : await readSegmentation(file, { ...(target === undefined ? {} : { target }), onOverlap: 'priority' });
    return maskFaults(file, read);
  } catch (error) {
    return [faultOf(error, file.name)];
  }
}
