/** A heap of files, sorted out: stacks of slices that belong together, objects without pixels, and files that are neither. */
import type { ByteSource } from '../../bytes/byte-source.ts';
import { FormatError } from '../../errors.ts';
import { lenient } from '../dataset/dicom-source.ts';
import type { DicomSource } from '../dataset/dicom-source.ts';
import { HeaderShape } from '../dataset/header-shape.ts';
import { FIRST_READ, readDicomFile } from '../dataset/parse.ts';
import type { DicomFile } from '../dataset/parse.ts';
import { TAG } from '../dataset/tags.ts';
import { pixelShortage } from '../pixels/pixel-format.ts';
import { arrange } from './arrange.ts';
import type { Arrangement } from './arrange.ts';
import { VARYING, imageInstance, instanceLike, isPattern } from './instance.ts';
import type { DicomInstance, FrameInfo } from './instance.ts';
import { issue } from './issue.ts';
import type { Issue } from './issue.ts';

/** Slices of one series that belong together, in order. */
export interface DicomStack extends Arrangement {
  readonly series: string;
  readonly study: string;
  readonly modality: string;
  readonly description: string;
  readonly frames: readonly FrameInfo[];
  readonly instances: readonly DicomInstance[];
  /** A series may hold several orientations, or stacks of one: this is one of `parts`. */
  readonly part: number;
  readonly parts: number;
}

export interface DicomScan {
  readonly stacks: readonly DicomStack[];
  /** Segmentations, structure sets, reports and whatever else has no slices to stack. */
  readonly objects: readonly DicomFile[];
  /** DICOM files that are damaged: each might have been a slice. */
  readonly damaged: readonly { readonly name: string; readonly error: FormatError }[];
  /** Files that are not DICOM at all. */
  readonly foreign: readonly string[];
}

const SEGMENTATION = /^1\.2\.840\.10008\.5\.1\.4\.1\.1\.66\.(4|7)$/;

/** Whether a file is a SEG or label map segmentation object. */
export function isSegmentation(file: DicomFile): boolean {
  return (
    SEGMENTATION.test(file.dataset.string(TAG.SOPClassUID) ?? '') ||
    (file.dataset.string(TAG.Modality) === 'SEG' && file.dataset.has(TAG.SegmentSequence))
  );
}

interface Loaded {
  readonly instances: DicomInstance[];
  readonly objects: DicomFile[];
  readonly damaged: { name: string; error: FormatError }[];
  readonly foreign: string[];
}

/** Whether a file has slices to stack, or is meant to have. */
function isImage(file: DicomFile): boolean {
  const { dataset } = file;
  if (dataset.string(TAG.DirectoryRecordType) !== undefined || dataset.has(TAG.DirectoryRecordSequence)) return false;
  const imageless = file.pixels === undefined && dataset.truncatedAt === undefined && !dataset.has(TAG.Rows);
  return !imageless && !isSegmentation(file);
}

/** An image, the layout of its header, and which of the elements that it was made of must be equal for another to be like it. */
interface Known {
  readonly pattern: DicomInstance;
  readonly shape: HeaderShape;
  readonly equal: Uint32Array;
}

/** Layouts that files are compared with before they are parsed: series may lie mixed in a folder. */
const MOST_KNOWN = 4;

/** Reads headers one after the other. */
class Loader {
  readonly loaded: Loaded = { instances: [], objects: [], damaged: [], foreign: [] };
  private readonly series = new Set<string>();
  private readonly known: Known[] = [];
  private scratch: Uint8Array | undefined;

  async load(given: ByteSource | DicomSource): Promise<void> {
    const { instances, objects, damaged, foreign } = this.loaded;
    const name = given.name ?? 'DICOM';
    try {
      const alike = this.readAlike(given);
      if (alike !== undefined) return void instances.push(alike);
      const file = await readDicomFile(given);
      const { dataset } = file;
      const asked = (dataset.asked = new Set<number>());
      const image = isImage(file) ? this.imageOf(file) : undefined;
      dataset.asked = undefined;
      if (image === undefined) return void objects.push(file);
      instances.push(image);
      this.remember(image, file, asked);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      if (error.field === 'DICM prefix' && error.message.includes('not a DICOM file')) foreign.push(name);
      else damaged.push({ name, error: error.inFile(name) });
    }
  }

  private imageOf(file: DicomFile): DicomInstance {
    const series = file.dataset.string(TAG.SeriesInstanceUID) ?? '';
    const image = imageInstance(file, {
      keepHeader: !this.series.has(series) || file.pixels?.tag !== TAG.PixelData,
    });
    this.series.add(series);
    return image;
  }

  /** An image whose header is laid out as a known one, and says the same but for its place; undefined for others. */
  private readAlike(given: ByteSource | DicomSource): DicomInstance | undefined {
    if (this.known.length === 0 || !('fillSync' in given) || given.fillSync === undefined) return undefined;
    const source = lenient(given);
    this.scratch ??= new Uint8Array(FIRST_READ);
    const bytes = this.scratch.subarray(0, Math.min(source.size, FIRST_READ));
    if (given.fillSync(0, bytes) !== bytes.length) return undefined;
    for (const { pattern, shape, equal } of this.known) {
      const file = shape.fit(bytes, source);
      if (file !== undefined && shape.unchanged(equal)) return instanceLike(pattern, file);
    }
    return undefined;
  }

  private remember(pattern: DicomInstance, file: DicomFile, asked: ReadonlySet<number>): void {
    const shape = isPattern(pattern, file) ? HeaderShape.of(file) : undefined;
    if (shape === undefined) return;
    const equal = shape.placesOf([...asked].filter((tag) => !VARYING.has(tag)));
    this.known.unshift({ pattern, shape, equal });
    if (this.known.length > MOST_KNOWN) this.known.pop();
  }
}

function sameOrientation(a: FrameInfo, b: FrameInfo): boolean {
  const [p, q] = [a.plane, b.plane];
  if (p === undefined || q === undefined) return p === q;
  return [0, 1, 2].every((i) => Math.abs(p.row[i]! - q.row[i]!) < 2e-3 && Math.abs(p.column[i]! - q.column[i]!) < 2e-3);
}

/** Drops files that are there twice under one SOPInstanceUID, and says so. */
function withoutCopies(instances: readonly DicomInstance[]): { kept: DicomInstance[]; issues: Issue[] } {
  const first = new Map<string, DicomInstance>();
  const kept: DicomInstance[] = [];
  const issues: Issue[] = [];
  for (const instance of instances) {
    const other = instance.sopInstance === '' ? undefined : first.get(instance.sopInstance);
    const [a, b] = [other?.frames[0]?.plane?.position, instance.frames[0]?.plane?.position];
    const same =
      other !== undefined &&
      a?.join() === b?.join() &&
      other.format.frames === instance.format.frames &&
      other.file.pixels?.length === instance.file.pixels?.length;
    if (same)
      issues.push(
        issue(
          'warn',
          'same-file-twice',
          `${instance.name} is the same object as ${other.name} (one SOPInstanceUID); it is left out.`,
          { files: [other.name, instance.name] },
        ),
      );
    else {
      kept.push(instance);
      if (other === undefined) first.set(instance.sopInstance, instance);
    }
  }
  return { kept, issues };
}

function pixelIssues(instances: readonly DicomInstance[]): Issue[] {
  return instances.flatMap(({ name, file, format }) => {
    const shortage = pixelShortage(file, format);
    if (shortage === undefined) return [];
    const message = `${name} has ${shortage.found} bytes of pixel data, ${shortage.expected} are needed.`;
    return [
      issue('refuse', 'truncated-file', message, {
        files: [name],
        details: { ...shortage, byteOffset: file.pixels!.offset + shortage.found },
      }),
    ];
  });
}

function slopeIssues(frames: readonly FrameInfo[]): Issue[] {
  const files = [...new Set(frames.filter((f) => f.zeroSlope).map((f) => f.instance.name))];
  if (files.length === 0) return [];
  const message = `${files.length} file(s) have a rescale slope of 0, which would erase the image; their stored values were kept.`;
  return [issue('warn', 'zero-slope', message, { files })];
}

/** Reasons that may come of two stacks in one. */
const APART: ReadonlySet<string> = new Set([
  'missing-slice',
  'uneven-spacing',
  'duplicate-slice',
  'off-line-slice',
  'tilt',
]);

function groupedBy<K>(frames: readonly FrameInfo[], key: (frame: FrameInfo) => K): Map<K, FrameInfo[]> {
  const groups = new Map<K, FrameInfo[]>();
  for (const frame of frames) {
    const members = groups.get(key(frame));
    if (members === undefined) groups.set(key(frame), [frame]);
    else members.push(frame);
  }
  return groups;
}

const isRefused = ({ issues }: Arrangement): boolean => issues.some((i) => i.severity === 'refuse');

/**
 * Frames of one orientation as the volumes they make: taken apart by the stacks that their object names where together they are none, and by
 * echo time where the slices of one echo lie between those of another.
 */
function volumesOf(frames: readonly FrameInfo[]): (readonly FrameInfo[])[] {
  const stacks = groupedBy<string | undefined>(frames, (f) => f.stack);
  const echoes = groupedBy<string | number | undefined>(frames, (f) => f.keys['echo time']);
  const named = stacks.size > 1 && !stacks.has(undefined) && stacks.size < frames.length;
  if (!named && (echoes.size < 2 || echoes.has(undefined))) return [frames];
  const whole = arrange(frames);
  if (named && whole.issues.some((i) => i.severity === 'refuse' && APART.has(i.code))) return [...stacks.values()];
  const groups = [...echoes.values()];
  if (whole.order.length !== 1 || !groups.every((group) => group.length > 2 && !isRefused(arrange(group))))
    return [frames];
  const changes = whole.order[0]!.filter((f, k, all) => k > 0 && f.keys['echo time'] !== all[k - 1]!.keys['echo time']);
  return changes.length >= groups.length ? groups : [frames];
}

function stacksOf(instances: readonly DicomInstance[]): DicomStack[] {
  const { kept, issues } = withoutCopies(instances);
  const clusters: FrameInfo[][] = [];
  for (const instance of kept)
    for (const frame of instance.frames) {
      const cluster = clusters.find((c) => sameOrientation(c[0]!, frame));
      if (cluster === undefined) clusters.push([frame]);
      else cluster.push(frame);
    }
  const { series, study, modality, description } = kept[0]!;
  return clusters.flatMap(volumesOf).map((frames, part, all) => {
    const members = [...new Set(frames.map((f) => f.instance))];
    const arrangement = arrange(frames);
    const mixed =
      new Set(members.map((m) => `${m.format.samples}${m.format.float}${m.palette === undefined}`)).size > 1
        ? [issue('refuse', 'mixed-pixels', 'color and gray images are mixed.', { files: members.map((m) => m.name) })]
        : [];
    return {
      ...arrangement,
      issues: [...arrangement.issues, ...mixed, ...pixelIssues(members), ...slopeIssues(frames), ...issues],
      series,
      study,
      modality,
      description,
      frames,
      instances: members,
      part,
      parts: all.length,
    };
  });
}

/**
 * Reads the headers of many files and sorts them into stacks, by series and orientation. Pixels stay on disk.
 * Files that are not DICOM, or damaged, are listed, not thrown.
 */
export async function scanDicom(
  sources: Iterable<ByteSource | DicomSource> | AsyncIterable<ByteSource | DicomSource>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<DicomScan> {
  const loader = new Loader();
  for await (const source of sources) {
    signal?.throwIfAborted();
    await loader.load(source);
  }
  const { loaded } = loader;
  const bySeries = new Map<string, DicomInstance[]>();
  for (const instance of loaded.instances) {
    const members = bySeries.get(instance.series);
    if (members === undefined) bySeries.set(instance.series, [instance]);
    else members.push(instance);
  }
  const { objects, damaged, foreign } = loaded;
  return { stacks: [...bySeries.values()].flatMap(stacksOf), objects, damaged, foreign };
}
