/** What slices of one stack say of how they were taken, where that differs or is not told: geometry alone does not show it. */
import type { FrameInfo } from './instance.ts';
import { issue } from './issue.ts';
import type { Issue } from './issue.ts';

/** What slices of one image have in common; the time of day and numbers may grow from slice to slice. */
const sharedKeys = ['temporal position', 'echo time', 'b value', 'complex component', 'image type'] as const;

/** Slices that lie in one stack and differ in what sets images apart: they may be several images, one between the other. */
export function acquisitionIssues(slices: readonly FrameInfo[]): Issue[] {
  return sharedKeys.flatMap((key) => {
    const found = [...new Set(slices.map((f) => f.keys[key]))];
    if (found.length < 2) return [];
    const listed = found.map((value) => {
      const members = slices.filter((f) => f.keys[key] === value);
      return `${value ?? 'none'} in ${members.length}`;
    });
    return [
      issue('warn', 'mixed-acquisitions', `slices of one stack differ in ${key}: ${listed.slice(0, 6).join(', ')}.`, {
        files: [...new Set(slices.map((f) => f.instance.name))],
        details: { key, values: found },
      }),
    ];
  });
}

/** Slices whose positions are told in different frames of reference. */
export function referenceIssues(frames: readonly FrameInfo[]): Issue[] {
  const uids = [...new Set(frames.map((f) => f.instance.frameOfReference))];
  return uids.length < 2
    ? []
    : [
        issue(
          'warn',
          'mixed-frames-of-reference',
          `the slices name ${uids.length} frames of reference: their positions need not share an origin.`,
          { files: [...new Set(frames.map((f) => f.instance.name))], details: { uids } },
        ),
      ];
}

/** Images that say they are mosaics and not of how many slices: at places of their own they are slices, else nobody knows. `frames`: one per place. */
export function mosaicIssues(frames: readonly FrameInfo[]): Issue[] {
  const files = [...new Set(frames.filter((f) => f.instance.untoldMosaic).map((f) => f.instance.name))];
  if (files.length === 0) return [];
  return [
    frames.length > 1
      ? issue(
          'warn',
          'untold-mosaic',
          `${files.length} image(s) say they are mosaics and not of how many slices; each was taken for one slice.`,
          { files },
        )
      : issue(
          'refuse',
          'untold-mosaic',
          `the image says it is a mosaic; no private Siemens header and no tile size tells how many slices it holds.`,
          { files },
        ),
  ];
}
