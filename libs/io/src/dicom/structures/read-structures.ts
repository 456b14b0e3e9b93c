/** RT structure sets onto the grid of the images they were drawn on. */
import { FormatError } from '../../errors.ts';
import type { DicomFile } from '../dataset/parse.ts';
import { labelVolume } from '../segmentation/masks.ts';
import type { LabelVolume, Mask, MaskOptions } from '../segmentation/masks.ts';
import type { MaskTarget } from '../segmentation/target.ts';
import { fillPolygons } from './rasterize.ts';
import type { Polygon } from './rasterize.ts';
import { readStructureSet } from './structure-set.ts';
import type { Contour, Region } from './structure-set.ts';

export interface StructureOptions extends MaskOptions {
  readonly target: MaskTarget;
}

/** Contours may lie this far, in slices, from the slice they are put on. */
const SLICE_TOLERANCE = 0.25;

interface Placed {
  readonly slice: number;
  readonly polygon: Polygon;
}

/** A contour in pixel units of its slice, or why it has none. */
function placeContour({ type, points, images }: Contour, target: MaskTarget): Placed | string {
  if (type !== 'CLOSED_PLANAR' && type !== 'CLOSEDPLANAR_XOR') return `of type ${type}, which encloses nothing`;
  if (points.length < 9) return 'of fewer than three points';
  const polygon = new Float64Array((points.length / 3) * 2);
  let low = Infinity;
  let high = -Infinity;
  for (let p = 0; p * 3 < points.length; p++) {
    const [i, j, k] = target.index([points[p * 3]!, points[p * 3 + 1]!, points[p * 3 + 2]!]);
    polygon[p * 2] = i;
    polygon[p * 2 + 1] = j;
    low = Math.min(low, k);
    high = Math.max(high, k);
  }
  const named = images.length === 1 ? target.sliceOf.get(images[0]!) : undefined;
  const middle = (low + high) / 2;
  const slice = named !== undefined && Math.abs(named - middle) <= 0.5 ? named : Math.round(middle);
  if (!(high - low <= SLICE_TOLERANCE)) return 'not parallel to the slices';
  if (!(slice >= 0 && slice < target.lattice.slices)) return 'above or below the images';
  if (Math.abs(middle - slice) > SLICE_TOLERANCE && named === undefined) return 'between two slices';
  return { slice, polygon };
}

/** Pixels that a polygon reaches beyond the edges of the slices. */
function beyond(polygon: Polygon, { columns, rows }: MaskTarget['lattice']): number {
  let most = 0;
  for (let p = 0; p < polygon.length; p += 2)
    most = Math.max(
      most,
      -0.5 - polygon[p]!,
      polygon[p]! - columns + 0.5,
      -0.5 - polygon[p + 1]!,
      polygon[p + 1]! - rows + 0.5,
    );
  return most;
}

const equal = (a: Polygon, b: Polygon): boolean => a.length === b.length && a.every((value, i) => value === b[i]);

function maskOf({ number, name, contours, frameOfReference }: Region, target: MaskTarget, shared: boolean): Mask {
  return {
    number,
    name,
    paint(set) {
      if (!shared)
        return [`drawn in frame of reference ${frameOfReference}, which is not that of the images; left out`];
      const bySlice = new Map<number, Polygon[]>();
      const refused = new Map<string, number>();
      const refuse = (why: string): unknown => refused.set(why, (refused.get(why) ?? 0) + 1);
      let outside = 0;
      for (const contour of contours) {
        const placed = placeContour(contour, target);
        if (typeof placed === 'string') {
          refuse(placed);
          continue;
        }
        const polygons = bySlice.get(placed.slice) ?? [];
        bySlice.set(placed.slice, polygons);
        // Exclusive-or would erase both.
        if (polygons.some((other) => equal(other, placed.polygon))) refuse('there twice');
        else polygons.push(placed.polygon);
        if (beyond(placed.polygon, target.lattice) > 0.01) outside++;
      }
      const { rows, columns } = target.lattice;
      for (const [slice, polygons] of bySlice)
        fillPolygons(polygons, target.lattice, (pixel) => set(slice * rows * columns + pixel));
      const notes = [...refused].map(([why, count]) => `${count} contour(s) left out: ${why}`);
      if (outside > 0) notes.push(`${outside} contour(s) reach beyond the edges of the images and were cut there`);
      const drawn = [...bySlice.keys()].sort((a, b) => a - b);
      const gaps = drawn.slice(1).filter((slice, i) => slice - drawn[i]! > 1).length;
      return gaps > 0 ? [...notes, `${gaps} gap(s) between slices with contours; nothing is interpolated`] : notes;
    },
  };
}

/**
 * Reads a structure set as labels: a voxel belongs to a region when its center lies inside its contours; several contours
 * of one region on one slice combine by exclusive-or, which makes inner ones holes.
 * Throws: FormatError when it is damaged, belongs to another frame of reference, or regions overlap unasked.
 */
export async function readStructures(file: DicomFile, { target, ...options }: StructureOptions): Promise<LabelVolume> {
  const set = readStructureSet(file);
  const notes: string[] = [];
  const here = target.frameOfReference;
  if (here !== undefined && set.framesOfReference.length > 0 && !set.framesOfReference.includes(here)) {
    if (target.series === undefined || !set.referencedSeries.includes(target.series))
      throw new FormatError(
        `${file.name}: its frame of reference ${set.framesOfReference.join(', ')} is not that of the images, ${here}: their coordinates do not share an origin.`,
        { file: file.name, field: '(0020,0052) FrameOfReferenceUID' },
      );
    notes.push(
      `names frame of reference ${set.framesOfReference.join(', ')}, the images ${here}; it does name this series`,
    );
  }
  if (target.series !== undefined && set.referencedSeries.length > 0 && !set.referencedSeries.includes(target.series))
    notes.push(`refers to series ${set.referencedSeries.join(', ')}, not to ${target.series}; placed by coordinates`);
  if (set.unknownRegions.length > 0)
    notes.push(
      `holds contours of regions ${set.unknownRegions.join(', ')}, which it does not describe; they are left out`,
    );
  // A set for several scans names the frame of each region.
  const isHere = ({ frameOfReference }: Region): boolean =>
    here === undefined ||
    frameOfReference === undefined ||
    frameOfReference === here ||
    !set.framesOfReference.includes(here);
  const masks = set.regions.map((region) => maskOf(region, target, isHere(region)));
  return labelVolume(file.name, masks, { ...options, target, notes });
}
