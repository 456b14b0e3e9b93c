/** The contract of a volume format: recognise bytes, open them lazily, write a volume. One folder per format signs it. */
import type { Grid, Volume, VoxelArray } from '@voxelwise/volume';
import type { ByteSource } from '../bytes/byte-source.ts';
import type { SlabRange } from '../voxels/voxel-block.ts';
import type { StoredType, VoxelType } from '../voxels/stored-type.ts';

/** Something odd that did not stop the reading. Libraries do not print; whoever reads may. */
export interface FormatWarning {
  readonly code: string;
  readonly message: string;
  readonly field?: string;
  readonly byteOffset?: number;
}

/** What the file was, beyond the volume: enough to write a result the same way. */
export interface VolumeSource {
  readonly format: string;
  /** The flavor within the format, such as 'nifti-2' or 'analyze'. */
  readonly variant: string;
  readonly storedType: StoredType;
  /** Number of axes in the file, components of a color not counted: 2 for a plain slice. */
  readonly dimensions: number;
  readonly slope: number;
  readonly inter: number;
  readonly warnings: readonly FormatWarning[];
  /** Names of the labels, where the file carries them (seg.nrrd). */
  readonly segments?: readonly Segment[];
}

/** A named label value in a segmentation file. `channel`: the layer it lies in, for overlapping segments. */
export interface Segment {
  readonly name: string;
  readonly value: number;
  readonly channel: number;
}

/** A volume that knows where it came from. */
export interface DecodedVolume extends Volume {
  readonly source: VolumeSource;
}

/** Gives another file of the same set by its name (no folders), or undefined if there is none. */
export type Companions = (name: string) => Promise<ByteSource | undefined>;

export interface DecodeOptions {
  /** The file's name; decides nothing that the bytes can decide. */
  readonly fileName?: string;
  /** 'labels' where the caller knows; default: what the file says, else 'intensity'. */
  readonly kind?: Volume['kind'];
  /** Refuse volumes that take more memory than this. Default: no limit beyond what the bytes justify. */
  readonly maxBytes?: number;
  /**
   * Axes that are not at right angles: 'keep' them with a warning, 'refuse' the file, or 'resample' it onto a grid with right
   * angles (linear; labels from the nearest voxel). Default 'keep'.
   */
  readonly shear?: 'keep' | 'refuse' | 'resample';
  /** Complex numbers: their 'magnitude' with a warning, or 'refuse'. Default 'magnitude'. */
  readonly complex?: 'magnitude' | 'refuse';
  /**
   * Pictures with a palette: their 'colors', or the 'indices' into it, which are the labels of many annotation tools.
   * Default 'indices' for labels, else 'colors'.
   */
  readonly palette?: 'colors' | 'indices';
  /** Names of the channels, for files that do not say. Default '0', '1', ... */
  readonly channels?: readonly string[];
  readonly companions?: Companions;
}

/** A file whose header is read and whose voxels wait. */
export interface VolumeReader {
  readonly grid: Grid;
  readonly kind: Volume['kind'];
  readonly channels: readonly string[];
  /** The type that the voxels get in memory. */
  readonly type: VoxelType;
  readonly source: VolumeSource;
  /** All voxels. */
  read(): Promise<DecodedVolume>;
  /** Slices [from, to) along z, all channels, on their own grid. Reads no more of an unpacked file than that. */
  readSlab(range: SlabRange): Promise<DecodedVolume>;
}

/** A volume whose voxels come piece by piece, in the order they would lie in memory: for writing what never is there whole. */
export interface StreamedVolume extends Omit<Volume, 'voxels'> {
  readonly type: VoxelType;
  /** Each piece lasts until the next but one is asked for. */
  readonly pieces: () => AsyncIterable<VoxelArray>;
}

export interface EncodeOptions {
  /** Type on disk. Default: the type of the voxels. Values that do not fit are refused, never clipped. */
  readonly dtype?: VoxelType;
  /** Pack the voxels where the format can. Default true. */
  readonly compress?: boolean;
  /** 1 (fast) to 9 (small). Default 1. */
  readonly level?: number;
  /** Names of the label values, for formats that carry them (seg.nrrd). */
  readonly segments?: readonly Omit<Segment, 'channel'>[];
  /** Base name for formats of two files, without an ending. */
  readonly name?: string;
}

/** One file of the result: what comes behind the base name, and its bytes. */
export interface EncodedFile {
  readonly ending: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface VolumeFormat {
  readonly name: string;
  /** File endings, with dots, lower case; the longest match wins. */
  readonly endings: readonly string[];
  /** `head`: the first bytes, unpacked if the file is a gzip. `name`: the file name in lower case without '.gz'. */
  recognises(head: Uint8Array, name: string): boolean;
  /** `source` is still packed if the file is. Throws: FormatError. */
  open(source: ByteSource, options: DecodeOptions): Promise<VolumeReader>;
  /** Files that hold the volume; the first is the one the user named. `ending`: what the user asked for. */
  encode?(volume: Volume, ending: string, options: EncodeOptions): readonly EncodedFile[];
  /** The same from pieces, where the header does not depend on voxels. Chunks last as long as their pieces. */
  encodeStream?(volume: StreamedVolume, ending: string, options: EncodeOptions): readonly EncodedFile[];
}
