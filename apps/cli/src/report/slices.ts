/** Pictures of a case: the slices that show most of the truth and the prediction, in three planes, with outlines. */
import { spacing, type Volume } from '@voxelwise/volume';
import { PNG } from 'pngjs';
import { contourPath } from './contours.ts';

export interface CasePicture {
  readonly image: Volume;
  readonly reference: Volume | undefined;
  readonly prediction: Volume;
  /** Labels to draw, in the order of their colors. */
  readonly labels: readonly number[];
}

interface Plane {
  readonly name: string;
  /** Axis that the slice cuts, and the axes that run down and right in the picture (array order z, y, x). */
  readonly cut: 0 | 1 | 2;
  readonly down: 0 | 1 | 2;
  readonly right: 0 | 1 | 2;
}

const PANEL = 296;

/** Array axis that runs along each world axis (R, A, S), and whether it runs backwards. */
function worldAxes(affine: Float64Array): { axis: 0 | 1 | 2; reversed: boolean }[] {
  const taken = new Set<number>();
  return [0, 1, 2].map((world) => {
    let best = -1;
    for (const axis of [0, 1, 2]) {
      if (taken.has(axis)) continue;
      const column = Math.hypot(affine[axis]!, affine[4 + axis]!, affine[8 + axis]!) || 1;
      const there = Math.abs(affine[world * 4 + axis]!) / column;
      const before =
        best < 0
          ? -1
          : Math.abs(affine[world * 4 + best]!) /
            (Math.hypot(affine[best]!, affine[4 + best]!, affine[8 + best]!) || 1);
      if (there > before) best = axis;
    }
    taken.add(best);
    return { axis: best as 0 | 1 | 2, reversed: affine[world * 4 + best]! < 0 };
  });
}

/** Three rows of panels (axial, coronal, sagittal), each: image, truth over image, prediction over image with the truth's outline. */
export function casePanels(picture: CasePicture): string {
  const { image } = picture;
  const [r, a, s] = worldAxes(image.grid.affine) as [
    { axis: 0 | 1 | 2; reversed: boolean },
    { axis: 0 | 1 | 2; reversed: boolean },
    { axis: 0 | 1 | 2; reversed: boolean },
  ];
  const planes: { plane: Plane; flipDown: boolean; flipRight: boolean }[] = [
    // Radiological convention: the patient's right is on the left of the picture; anterior and superior are up.
    {
      plane: { name: 'axial', cut: s.axis, down: a.axis, right: r.axis },
      flipDown: !a.reversed,
      flipRight: !r.reversed,
    },
    {
      plane: { name: 'coronal', cut: a.axis, down: s.axis, right: r.axis },
      flipDown: !s.reversed,
      flipRight: !r.reversed,
    },
    {
      plane: { name: 'sagittal', cut: r.axis, down: s.axis, right: a.axis },
      flipDown: !s.reversed,
      flipRight: !a.reversed,
    },
  ];
  const usable = planes.filter(({ plane }) => image.grid.shape[plane.down] > 1 && image.grid.shape[plane.right] > 1);
  return usable.map((p) => planeRow(picture, p.plane, p.flipDown, p.flipRight)).join('');
}

function planeRow(picture: CasePicture, plane: Plane, flipDown: boolean, flipRight: boolean): string {
  const { image, reference, prediction, labels } = picture;
  const { shape } = image.grid;
  const mm = spacing(image.grid);
  const cut = bestSlice(picture, plane.cut);
  const [height, width] = [shape[plane.down], shape[plane.right]];
  const strides = [shape[1] * shape[2], shape[2], 1];
  const offset = (row: number, column: number): number =>
    cut * strides[plane.cut]! +
    (flipDown ? height - 1 - row : row) * strides[plane.down]! +
    (flipRight ? width - 1 - column : column) * strides[plane.right]!;
  const [low, high] = displayWindow(image);
  const png = new PNG({ width, height, colorType: 0 });
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const value = Math.round((255 * (Number(image.voxels[offset(row, column)]) - low)) / Math.max(high - low, 1e-12));
      const gray = Math.min(255, Math.max(0, value));
      png.data.set([gray, gray, gray, 255], (row * width + column) * 4);
    }
  const data = PNG.sync.write(png, { colorType: 0 }).toString('base64');
  const [heightMm, widthMm] = [height * mm[plane.down], width * mm[plane.right]];
  const scale = PANEL / Math.max(heightMm, widthMm);
  const outlines = (volume: Volume | undefined, style: string): string =>
    volume === undefined
      ? ''
      : labels
          .map((label, k) => {
            const path = contourPath((row, column) => volume.voxels[offset(row, column)] === label, height, width);
            return path === '' ? '' : `<path class="${style} c${k % 8}" d="${path}"/>`;
          })
          .join('');
  const panel = (caption: string, overlay: string): string =>
    `<div class="panel"><svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" width="${(widthMm * scale).toFixed(0)}" height="${(heightMm * scale).toFixed(0)}"><image width="${width}" height="${height}" preserveAspectRatio="none" href="data:image/png;base64,${data}"/>${overlay}</svg><span>${caption}</span></div>`;
  const panels = [panel(`${plane.name}, slice ${cut + 1} of ${shape[plane.cut]}`, '')];
  if (reference) panels.push(panel('truth', outlines(reference, 'area')));
  panels.push(
    panel(
      reference ? 'prediction, truth dashed' : 'prediction',
      outlines(prediction, 'area') + outlines(reference, 'truth'),
    ),
  );
  return `<div class="panels">${panels.join('')}</div>`;
}

/** The slice with most labeled voxels in truth and prediction together; the middle where there are none. */
function bestSlice(picture: CasePicture, axis: 0 | 1 | 2): number {
  const { shape } = picture.image.grid;
  const counts = new Float64Array(shape[axis]);
  for (const volume of [picture.reference, picture.prediction]) {
    if (volume === undefined) continue;
    let at = 0;
    for (let z = 0; z < shape[0]; z++)
      for (let y = 0; y < shape[1]; y++)
        for (let x = 0; x < shape[2]; x++, at++)
          if (Number(volume.voxels[at]) > 0) counts[axis === 0 ? z : axis === 1 ? y : x]!++;
  }
  const most = Math.max(...counts);
  return most > 0 ? counts.indexOf(most) : Math.floor(shape[axis] / 2);
}

/** 0.5th and 99.5th percentile of a sample of the first channel: what a viewer would choose. */
function displayWindow(image: Volume): [number, number] {
  const count = image.grid.shape[0] * image.grid.shape[1] * image.grid.shape[2];
  const step = Math.max(1, Math.floor(count / 50_000));
  const sample: number[] = [];
  for (let k = 0; k < count; k += step)
    if (Number.isFinite(Number(image.voxels[k]))) sample.push(Number(image.voxels[k]));
  sample.sort((a, b) => a - b);
  const pick = (q: number): number =>
    sample[Math.min(sample.length - 1, Math.max(0, Math.round(q * (sample.length - 1))))] ?? 0;
  return [pick(0.005), pick(0.995)];
}
