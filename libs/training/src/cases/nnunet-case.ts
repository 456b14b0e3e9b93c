/**
 * Cases that nnU-Net preprocessed: `CASE.b2nd` and `CASE_seg.b2nd`, or `CASE.npz` (versions before 2.6), with `CASE.pkl`.
 * Source: nnU-Net v2, nnUNetDatasetBlosc2 and nnUNetDatasetNumpy.
 */
import {
  decodeB2nd,
  decodeNpz,
  decodePickle,
  NumpyArray,
  Tuple,
  type NamedArray,
  type PickleValue,
} from '@voxelwise/io';
import type { ConfigurationPlan } from '@voxelwise/planner';
import { newShape, type PreprocessProperties } from '@voxelwise/transforms';
import type { PerAxis } from '@voxelwise/volume';
import { TrainingError } from '../errors.ts';
import type { CaseArrays } from './memory-case.ts';

export interface NnunetCaseFiles {
  readonly id: string;
  /** Bytes of `CASE.npz`, or of `CASE.b2nd` where `labels` are those of `CASE_seg.b2nd`. */
  readonly arrays: Uint8Array;
  readonly labels?: Uint8Array;
  /** Bytes of `CASE.pkl`. */
  readonly properties: Uint8Array;
  /** For messages. */
  readonly path: string;
}

/** Throws: TrainingError where arrays or properties are not of this plan; FormatError for damaged files. */
export async function caseFromNnunet(files: NnunetCaseFiles, plan: ConfigurationPlan): Promise<CaseArrays> {
  const { id, path } = files;
  const refuse = (message: string): never => {
    throw new TrainingError(`${path}: ${message} Preprocess the data set again, or take the file away.`, {
      case: id,
      file: path,
    });
  };
  const [data, seg] = await imageAndLabels(files);
  if (data?.shape.length !== 4 || seg?.shape.length !== 4 || data.shape.slice(1).join() !== seg.shape.slice(1).join())
    return refuse(
      `"data" is [${String(data?.shape)}] and "seg" [${String(seg?.shape)}]; [C, z, y, x] and [1, z, y, x] were expected.`,
    );
  if (data.shape[0] !== plan.channels.length)
    return refuse(`holds ${data.shape[0]} channel(s), the plan ${plan.channels.length}.`);
  const found = decodePickle(files.properties, { file: path });
  const known = found instanceof Map ? found : new Map<PickleValue, PickleValue>();
  const shape = data.shape.slice(1) as unknown as PerAxis;
  const properties =
    propertiesOf(known, shape, plan) ?? refuse('its properties do not say how it was cropped and resampled.');
  const expected = plannedShape(properties);
  if (expected.join() !== shape.join())
    return refuse(`is ${shape.join('×')} voxels, this plan makes ${expected.join('×')} of the case.`);
  const locations = known.get('class_locations');
  return {
    id,
    shape,
    image: Float32Array.from(data.data as ArrayLike<number>),
    labels: Int16Array.from(seg.data as ArrayLike<number>).subarray(0, shape[0] * shape[1] * shape[2]),
    properties,
    locations: new Map(
      Array.from(
        locations instanceof Map ? locations : refuse('its properties hold no "class_locations".'),
        ([key, rows]) => [
          keyOf(key),
          voxelsOf(rows, shape) ?? refuse(`the "class_locations" of ${keyOf(key)} are no rows (0, z, y, x).`),
        ],
      ),
    ),
  };
}

async function imageAndLabels({
  arrays,
  labels,
  path,
}: NnunetCaseFiles): Promise<readonly [NamedArray | undefined, NamedArray | undefined]> {
  if (labels)
    return [
      await decodeB2nd(arrays, { file: path }),
      await decodeB2nd(labels, { file: path.replace(/\.b2nd$/, '_seg.b2nd') }),
    ];
  const npz = await decodeNpz(arrays, { file: path });
  return [npz.get('data'), npz.get('seg')];
}

function propertiesOf(
  known: ReadonlyMap<PickleValue, PickleValue>,
  shape: PerAxis,
  { transposeForward, spacing: planned }: ConfigurationPlan,
): PreprocessProperties | undefined {
  const [spacing, before, after] = [
    'spacing',
    'shape_before_cropping',
    'shape_after_cropping_and_before_resampling',
  ].map((name) => perAxis(known.get(name)));
  const box = known.get('bbox_used_for_cropping');
  const ranges = (box instanceof Tuple ? box.items : Array.isArray(box) ? box : []).map(numbers);
  if (!spacing || !before || !after || ranges.length !== 3 || ranges.some((range) => range?.length !== 2))
    return undefined;
  const current = transposeForward.map((axis) => spacing[axis]!) as unknown as PerAxis;
  return {
    spacing,
    transposeForward: transposeForward as PerAxis,
    shapeBeforeCropping: before,
    box: {
      start: ranges.map((range) => range![0]!) as unknown as PerAxis,
      end: ranges.map((range) => range![1]!) as unknown as PerAxis,
    },
    shapeAfterCropping: after,
    shape,
    targetSpacing: (planned.length === 2 ? [current[0], ...planned] : planned) as unknown as PerAxis,
  };
}

/** The size that resampling gives under this plan. */
function plannedShape({ spacing, transposeForward, shapeAfterCropping, targetSpacing }: PreprocessProperties): PerAxis {
  return newShape(
    shapeAfterCropping,
    transposeForward.map((axis) => spacing[axis]!) as unknown as PerAxis,
    targetSpacing,
  );
}

function perAxis(value: PickleValue | undefined): PerAxis | undefined {
  const found = numbers(value);
  return found?.length === 3 ? (found as unknown as PerAxis) : undefined;
}

function numbers(value: PickleValue | undefined): readonly number[] | undefined {
  const items = value instanceof Tuple ? value.items : value;
  if (items instanceof NumpyArray) return items.array && Array.from(items.array.data as ArrayLike<number>);
  return Array.isArray(items) && items.every((one) => typeof one === 'number') ? items : undefined;
}

/** As Python prints it: `1`, `(1, 2)`. */
function keyOf(key: PickleValue): string {
  if (!(key instanceof Tuple)) return String(key);
  return `(${key.items.map(String).join(', ')}${key.items.length === 1 ? ',' : ''})`;
}

/** Rows (0, z, y, x) as places in the volume; undefined if they are none. */
function voxelsOf(rows: PickleValue, [, height, width]: PerAxis): Uint32Array | undefined {
  if (Array.isArray(rows) && rows.length === 0) return new Uint32Array(0);
  const array: NamedArray | undefined = rows instanceof NumpyArray ? rows.array : undefined;
  if (array?.shape.length !== 2 || (array.shape[1] !== 4 && array.shape[0] !== 0)) return undefined;
  const at = array.data as ArrayLike<number | bigint>;
  return Uint32Array.from(
    { length: array.shape[0]! },
    (_, k) => (Number(at[4 * k + 1]) * height + Number(at[4 * k + 2])) * width + Number(at[4 * k + 3]),
  );
}
