/** Slices that are there twice: left out where their pixels are equal. */
import type { FrameInfo } from './instance.ts';
import { issue, refusal } from './issue.ts';
import type { Issue } from './issue.ts';
import type { DicomStack } from './scan.ts';

async function samePixels(a: FrameInfo, b: FrameInfo): Promise<boolean> {
  const { openFrames } = await import('../pixels/frames.ts');
  const [x, y] = await Promise.all(
    [a, b].map(async (f) => (await (await openFrames(f.instance.file, f.instance.format)).read(f.index)).values),
  );
  return (
    a.slope === b.slope &&
    a.intercept === b.intercept &&
    x!.length === y!.length &&
    x!.every((value, i) => value === y![i])
  );
}

/** One frame per place, when every repeat has the pixels of the first. Throws: FormatError when one differs. */
export async function withoutDuplicates(
  stack: DicomStack,
  rearrange: (frames: readonly FrameInfo[]) => DicomStack,
): Promise<{ stack: DicomStack; issues: Issue[] }> {
  const duplicates = stack.issues.filter((i) => i.code === 'duplicate-slice');
  const dropped = new Set<FrameInfo>();
  const issues: Issue[] = [];
  for (const duplicate of duplicates) {
    const position = (duplicate.details['position'] as readonly number[]).join();
    const members = stack.frames.filter(
      (f) => duplicate.files.includes(f.instance.name) && f.plane?.position.join() === position,
    );
    for (const other of members.slice(1)) {
      if (!(await samePixels(members[0]!, other)))
        throw refusal(`series ${stack.series}`, [
          issue('refuse', 'duplicate-slice', `${duplicate.message} Their pixels differ.`, duplicate),
        ]);
      dropped.add(other);
      issues.push(
        issue(
          'warn',
          'duplicate-slice',
          `${other.instance.name} repeats ${members[0]!.instance.name} pixel for pixel; it was left out.`,
          { files: [members[0]!.instance.name, other.instance.name] },
        ),
      );
    }
  }
  return { stack: rearrange(stack.frames.filter((f) => !dropped.has(f))), issues };
}
