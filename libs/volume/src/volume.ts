/**
 * The nouns: a grid of voxels placed in the patient, an image on it, a case of several.
 *
 * Three laws: every spatial tuple is in array order, slowest axis first; world coordinates are RAS+ millimetres;
 * the affine joins the two. A 2D image is a volume of one slice: shape [1, y, x].
 */

/** One number per array axis, slowest first: [z, y, x]. */
export type PerAxis = readonly [number, number, number];

/** Typed arrays that can hold voxels at the door. */
export type VoxelArray =
  Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array;

/** A voxel lattice placed in the patient. `affine`: row-major 4x4, voxel index (array order z, y, x, 1) -> RAS+ mm. */
export interface Grid {
  readonly shape: PerAxis;
  readonly affine: Float64Array;
}

/**
 * An image on a grid: `voxels` holds [C, z, y, x], C order. `V` says where the voxels live: a typed array at the door,
 * a tensor inside. `channels` names the C channels (their modality); a label volume has one channel.
 */
export interface Volume<V = VoxelArray> {
  readonly grid: Grid;
  readonly kind: 'intensity' | 'labels';
  readonly channels: readonly string[];
  readonly voxels: V;
}

/** Landmarks: positions in the patient, RAS+ millimetres, three numbers each. */
export type Points = readonly (readonly [number, number, number])[];

/** What is read for one study: its images on one grid, its labels where known, and landmarks by the name of their set. */
export interface Case<V = VoxelArray> {
  readonly id: string;
  readonly images: Volume<V>;
  readonly labels?: Volume<V>;
  readonly points?: Readonly<Record<string, Points>>;
}
