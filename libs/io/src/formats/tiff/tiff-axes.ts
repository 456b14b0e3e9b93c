/** What the pages of a TIFF are: ImageJ and OME say in the first page's description how channels, slices and times follow. */
import type { PerAxis } from '@voxelwise/volume';
import { millimetres } from '../length-units.ts';

export interface PageAxes {
  /** For each channel, the page of each slice. Channels are those of all times, one time after another. */
  readonly pages: readonly (readonly number[])[];
  /** Names of the channels, where the file gives one for each. */
  readonly names?: readonly string[];
  /** z, y, x; undefined where the file does not say. */
  readonly spacingMm?: PerAxis;
}

interface Sizes {
  readonly c: number;
  readonly z: number;
  readonly t: number;
}

interface Described {
  readonly count: number;
  readonly description: string;
  readonly resolution: readonly [number | undefined, number | undefined];
  /** Samples per pixel, which OME counts as channels. */
  readonly samples: number;
}

type Fail = (message: string) => never;

/** Pages as slices of one channel, unless the description says otherwise. `fail` throws. */
export function pageAxes(image: Described, fail: Fail): PageAxes {
  if (image.description.startsWith('ImageJ=')) return imageJ(image, fail);
  if (/<OME[\s>]/.test(image.description.slice(0, 4096))) return ome(image, fail);
  return { pages: [Array.from({ length: image.count }, (_, page) => page)] };
}

function imageJ({ count, description, resolution }: Described, fail: Fail): PageAxes {
  const field = (name: string): string | undefined => new RegExp(`^${name}=(.*)$`, 'm').exec(description)?.[1];
  const whole = (name: string): number => Number(field(name) ?? 1);
  const sizes: Sizes = { c: whole('channels'), z: whole('slices'), t: whole('frames') };
  const stated = sizes.c * sizes.z * sizes.t;
  // a plain stack may tell its pages alone
  if (stated === 1) return { ...imageJSpacing(), pages: [Array.from({ length: count }, (_, page) => page)] };
  if (stated !== count)
    return fail(
      `ImageJ's ${sizes.c} channels of ${sizes.z} slices at ${sizes.t} times are ${stated} pages; there are ${count}.`,
    );
  return { ...imageJSpacing(), pages: arranged(sizes, ({ c, z, t }) => c + sizes.c * (z + sizes.z * t)) };

  function imageJSpacing(): Pick<PageAxes, 'spacingMm'> {
    const unit = millimetres(field('unit'));
    const [x, y] = resolution.map((perUnit) => (unit ?? NaN) / (perUnit ?? NaN)) as [number, number];
    const z = (unit ?? NaN) * Number(field('spacing') ?? 1);
    return [z, y, x].every((mm) => Number.isFinite(mm) && mm > 0) ? { spacingMm: [z, y, x] } : {};
  }
}

function ome({ count, description, samples }: Described, fail: Fail): PageAxes {
  const images = description.match(/<Pixels\b[^>]*>/g) ?? [];
  if (images.length !== 1) return fail(`OME describes ${images.length} images; one was expected.`);
  const attribute = (element: string, name: string): string | undefined =>
    new RegExp(`\\s${name}\\s*=\\s*["']([^"']*)["']`).exec(element)?.[1];
  const pixels = images[0]!;
  const size = (axis: string): number => Number(attribute(pixels, `Size${axis}`) ?? 1);
  const sizes: Sizes = { c: size('C') / samples, z: size('Z'), t: size('T') };
  const order = (attribute(pixels, 'DimensionOrder') ?? 'XYCZT').slice(2).toLowerCase();
  const planes = sizes.c * sizes.z * sizes.t;
  if (
    ![...Object.values(sizes)].every((n) => Number.isInteger(n) && n >= 1) ||
    !/^(czt|ctz|zct|ztc|tcz|tzc)$/.test(order)
  )
    return fail(
      `OME's sizes ${attribute(pixels, 'SizeC')}, ${sizes.z}, ${sizes.t} in the order ${order} fit no image.`,
    );
  if (planes !== count)
    return fail(`OME describes ${planes} planes, ${count} pages are there; the others may lie in files of their own.`);
  const strides = { c: 0, z: 0, t: 0 };
  [...order].reduce((stride, axis) => {
    strides[axis as keyof Sizes] = stride;
    return stride * sizes[axis as keyof Sizes];
  }, 1);
  const plane = ({ c, z, t }: Sizes): number => c * strides.c + z * strides.z + t * strides.t;
  const pageOf = Array.from({ length: planes }, (_, i) => i);
  for (const element of description.match(/<TiffData\b[^>]*>/g) ?? []) {
    const number = (name: string): number | undefined =>
      attribute(element, name) === undefined ? undefined : Number(attribute(element, name));
    const page = number('IFD') ?? 0;
    const first = plane({
      c: Math.floor((number('FirstC') ?? 0) / samples),
      z: number('FirstZ') ?? 0,
      t: number('FirstT') ?? 0,
    });
    const length = number('PlaneCount') ?? (number('IFD') === undefined ? planes : 1);
    if (
      ![page, first, length].every((n) => Number.isInteger(n) && n >= 0) ||
      page + length > count ||
      first + length > planes
    )
      return fail(`OME places ${length} planes from page ${page} on, ${count} pages are there.`);
    for (let i = 0; i < length; i++) pageOf[first + i] = page + i;
  }
  if (new Set(pageOf).size !== planes) return fail('OME gives a page to several planes.');
  const names = (description.match(/<Channel\b[^>]*>/g) ?? []).map((element) => attribute(element, 'Name') ?? '');
  const mm = ['Z', 'Y', 'X'].map(
    (axis) =>
      Number(
        attribute(pixels, `PhysicalSize${axis}`) ??
          (axis === 'Z' && sizes.z === 1 ? attribute(pixels, 'PhysicalSizeX') : NaN),
      ) * (millimetres(attribute(pixels, `PhysicalSize${axis}Unit`) ?? 'µm') ?? NaN),
  );
  return {
    pages: arranged(sizes, (at) => pageOf[plane(at)]!),
    ...(sizes.t === 1 && samples === 1 && names.length === sizes.c && names.every((n) => n !== '') ? { names } : {}),
    ...(mm.every((v) => Number.isFinite(v) && v > 0) ? { spacingMm: mm as unknown as PerAxis } : {}),
  };
}

/** The page of each slice of each channel, times after another. */
function arranged({ c, z, t }: Sizes, page: (at: Sizes) => number): readonly (readonly number[])[] {
  return Array.from({ length: c * t }, (_, i) =>
    Array.from({ length: z }, (_slice, slice) => page({ c: i % c, z: slice, t: Math.floor(i / c) })),
  );
}
