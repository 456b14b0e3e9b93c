/** Many slices tiled in one image, their number and places in a private header: mosaics of Siemens, grids of United Imaging. */
import type { DataSet } from '../dataset/dataset.ts';
import { TAG } from '../dataset/tags.ts';
import type { PixelFormat } from '../pixels/pixel-format.ts';
import { readCsa } from './csa.ts';
import type { Window } from './instance.ts';
import type { Plane } from './plane.ts';
import { cross, dot, plus } from './vector.ts';
import type { Vector } from './vector.ts';

export interface Mosaic {
  readonly count: number;
  readonly rows: number;
  readonly columns: number;
  readonly sliceSpacing: number;
  /** True when the number of tiles is not in the header and was taken from the tile size. */
  readonly guessed: boolean;
  /** Each tile's pixels and place, in the order they were taken. */
  tiles(plane: Plane): readonly { readonly window: Window; readonly plane: Plane }[];
}

/** What United Imaging calls its tiles; they fill as few rows as hold them. */
const VIRTUAL_FRAMES = 'VFRAME';
const SLICES_IN_VOLUME = 0x00651050;
const CSA_IMAGE_HEADER = 0x00291010;
const NUMBER_IN_MOSAIC = 0x0019100a;
const MATRIX_TEXT = 0x0051100b;

function tileSize(top: DataSet): readonly [number, number] | undefined {
  const text = /(\d+)p?\s*\*\s*(\d+)/.exec(top.text(MATRIX_TEXT) ?? '');
  return text === null ? undefined : [Number(text[1]), Number(text[2])];
}

/** The number of tiles beside the CSA header: two bytes, or a text. */
function statedCount(top: DataSet): number | undefined {
  const bytes = top.bytes(NUMBER_IN_MOSAIC);
  if (bytes === undefined) return undefined;
  // A digit and a space, or two digits, are no binary number of tiles: 8240 and more.
  const word = bytes.length === 2 ? bytes[0]! + 256 * bytes[1]! : Infinity;
  return word < 8192 ? word : Number(top.text(NUMBER_IN_MOSAIC));
}

/** Whether an image says that it is a mosaic. Enhanced images keep that word when the scanner has taken them apart into slices. */
export function saysMosaic(top: DataSet, format: PixelFormat): boolean {
  return (
    top.strings(TAG.ImageType).some((value) => value === 'MOSAIC' || value === VIRTUAL_FRAMES) &&
    format.samples === 1 &&
    format.frames === 1 &&
    !top.has(TAG.PerFrameFunctionalGroupsSequence)
  );
}

/** A grid of United Imaging, each tile with a position of its own; undefined when these are not all there. Throws: FormatError as `mosaicOf`. */
function virtualFrames(top: DataSet, format: PixelFormat): Mosaic | undefined {
  const count = Number(top.text(SLICES_IN_VOLUME));
  const corners = top
    .items(TAG.MRVirtualFrameSequence)
    .map((item) => item.numbers(TAG.ImagePositionPatient))
    .filter((corner) => corner.length === 3) as unknown as readonly Vector[];
  if (!(count > 0) || corners.length !== count) return undefined;
  const across = Math.ceil(Math.sqrt(count));
  const down = Math.ceil(count / across);
  if (format.rows % down !== 0 || format.columns % across !== 0)
    throw top.fault(
      TAG.ImageType,
      `is a grid of ${count} slices, but its ${format.columns} × ${format.rows} pixels do not divide into ${across} × ${down} tiles.`,
      { tiles: count },
    );
  const rows = format.rows / down;
  const columns = format.columns / across;
  return {
    count,
    rows,
    columns,
    sliceSpacing: top.number(TAG.SpacingBetweenSlices) ?? top.number(TAG.SliceThickness) ?? 1,
    guessed: false,
    tiles: (plane) =>
      corners.map((position, k) => ({
        window: { top: Math.floor(k / across) * rows, left: (k % across) * columns, rows, columns },
        plane: { ...plane, position },
      })),
  };
}

/**
 * The mosaic a data set describes, or undefined when it is an ordinary image, or nothing tells how many slices it holds.
 * Throws: FormatError when its tiles do not fit the image.
 */
export function mosaicOf(top: DataSet, format: PixelFormat): Mosaic | undefined {
  if (!saysMosaic(top, format)) return undefined;
  if (top.strings(TAG.ImageType).includes(VIRTUAL_FRAMES)) return virtualFrames(top, format);
  const csa = readCsa(top.bytes(CSA_IMAGE_HEADER));
  const stated = csa?.number('NumberOfImagesInMosaic') ?? statedCount(top);
  const size = tileSize(top);
  if (stated === undefined && size === undefined) return undefined;
  const guessed = !(stated !== undefined && Number.isInteger(stated) && stated > 0);
  const across = guessed ? (size === undefined ? NaN : format.columns / size[1]) : Math.ceil(Math.sqrt(stated));
  const down = guessed ? (size === undefined ? NaN : format.rows / size[0]) : across;
  const count = guessed ? across * down : stated;
  if (!Number.isInteger(across) || !Number.isInteger(down) || format.rows % down !== 0 || format.columns % across !== 0)
    throw top.fault(
      TAG.ImageType,
      `is a mosaic, but its ${format.columns} × ${format.rows} pixels do not divide into the ${size === undefined ? `${stated} slices` : `tiles of ${size[1]} × ${size[0]}`} that the private Siemens header names.`,
      { tiles: stated ?? null },
    );
  const rows = format.rows / down;
  const columns = format.columns / across;
  const sliceSpacing = top.number(TAG.SpacingBetweenSlices) ?? top.number(TAG.SliceThickness) ?? 1;
  const stated3 = csa?.numbers('SliceNormalVector') ?? [];
  const tiles: Mosaic['tiles'] = (plane) => {
    let normal: Vector = cross(plane.row, plane.column);
    if (stated3.length === 3 && dot(normal, stated3 as unknown as Vector) < 0)
      normal = [-normal[0], -normal[1], -normal[2]];
    // The stated position is the corner of one slice as large as the whole mosaic, centered where the first slice is.
    const right = plus(plane.position, plane.row, (plane.spacing[1] * (format.columns - columns)) / 2);
    const corner = plus(right, plane.column, (plane.spacing[0] * (format.rows - rows)) / 2);
    return Array.from({ length: count }, (_, k) => ({
      window: { top: Math.floor(k / across) * rows, left: (k % across) * columns, rows, columns },
      plane: { ...plane, position: plus(corner, normal, k * sliceSpacing) },
    }));
  };
  return { count, rows, columns, sliceSpacing, guessed, tiles };
}
