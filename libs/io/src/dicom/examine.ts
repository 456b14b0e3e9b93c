/** What is wrong with a heap of DICOM files before anybody trains or predicts on them, and what to do about it. */
import { faultOf } from '../doctor/fault.ts';
import type { Fault } from '../doctor/fault.ts';
import { examineMasks } from './examine-masks.ts';
import type { IssueCode } from './series/issue.ts';
import { readStack } from './series/read-volume.ts';
import type { DicomScan, DicomStack } from './series/scan.ts';

const fixes: Readonly<Record<IssueCode, string>> = {
  'damaged-file': 'Fetch the file again, or take it out.',
  'duplicate-slice':
    "Take one of them out; where their pixels are equal, onDuplicates: 'drop' (--on-duplicates drop) does that.",
  'guessed-mosaic': 'Compare the number of slices with what the scanner says.',
  'missing-slice':
    "Fetch the missing slices again; else fill the gaps with onUneven: 'resample' (--on-uneven resample), which invents what lies in them.",
  'mixed-acquisitions':
    'Look whether these slices belong to one image; else put each echo or image type into a folder of its own.',
  'mixed-frames-of-reference':
    'Look whether the patient lay still between them; slices of different frames of reference need not share an origin.',
  'mixed-pixels': 'Put color and gray images into folders of their own.',
  'mixed-size': 'Put images of each size into a folder of their own: localizers and reformats often share a series.',
  'mixed-spacing': 'Put images of each pixel spacing into a folder of their own.',
  'no-geometry': 'Export the images with their positions; a picture without them cannot be placed in the patient.',
  'not-a-volume': 'Nothing to do for a series over time at one place; it holds no volume.',
  'off-line-slice': 'Take the slice out, or fetch it again: its position is wrong, or it belongs to another stack.',
  'repaired-orientation': 'Nothing to do; the directions were rounded by whoever wrote them.',
  'repeated-positions': 'Nothing to do for a series over time or echoes; choose the channels you need.',
  'resampled-slices': 'Nothing to do.',
  'same-file-twice': 'Delete one of the two files.',
  tilt: "Resample with onTilt: 'shear' (--on-tilt shear), or keep the sheared grid with 'keep'.",
  'truncated-file': 'Fetch the file again; its pixels are cut off.',
  'two-slices': 'Check that no slice is missing between them.',
  'uneven-spacing':
    "Check whether slices are missing; else resample with onUneven: 'resample' (--on-uneven resample) to even distances.",
  'untold-mosaic': 'Export the images with their private header, or as single slices.',
  'zero-slope': 'Ask for an export with the right rescale slope if the values matter; the stored ones were kept.',
};

/** Issues of a stack as faults, one by one. */
function stackFaults(stack: DicomStack): Fault[] {
  return stack.issues.map(({ code, severity, message, files, details }) => ({
    severity: severity === 'refuse' ? 'error' : 'warning',
    code,
    file: files[0] ?? stack.instances[0]!.name,
    message,
    fix: fixes[code],
    ...(stack.series === '' ? {} : { case: stack.series }),
    details: { ...details, files },
  }));
}

/**
 * Everything that speaks against the series among some files: damaged files, what keeps slices from being one volume, pixels that cannot
 * be decoded, and masks that are empty, damaged or do not fit their images (`readPixels`, on by default, reads every stack that is whole,
 * and every segmentation and structure set). Errors first.
 */
export async function examineDicom(
  scan: DicomScan,
  { readPixels = true, signal }: { readonly readPixels?: boolean; readonly signal?: AbortSignal } = {},
): Promise<readonly Fault[]> {
  const faults: Fault[] = [];
  for (const { name, error } of scan.damaged) faults.push(faultOf(error, name));
  for (const stack of scan.stacks) {
    const own = stackFaults(stack);
    faults.push(...own);
    if (!readPixels || own.some((fault) => fault.severity === 'error')) continue;
    try {
      await readStack(stack, signal === undefined ? {} : { signal });
    } catch (error) {
      faults.push(faultOf(error, stack.instances[0]!.name, stack.series));
    }
  }
  for (const file of scan.objects) {
    signal?.throwIfAborted();
    faults.push(...(readPixels ? await examineMasks(file, scan.stacks) : []));
  }
  if (scan.stacks.length === 0 && scan.objects.length === 0 && scan.damaged.length === 0)
    faults.push({
      severity: 'error',
      code: 'no-cases',
      file: scan.foreign[0] ?? '',
      message: `none of ${scan.foreign.length} file(s) is DICOM.`,
      fix: 'Name the folder that holds the images.',
    });
  return faults.sort((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'));
}
