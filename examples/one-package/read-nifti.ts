/** One package alone: read a NIfTI and say what is in it. Run: npx tsx read-nifti.ts [file] */
import { readVolume } from '@voxelwise/io/node';

const file =
  process.argv[2] ?? new URL('../data/hippocampus/imagesTr/hippocampus_004.nii.gz', import.meta.url).pathname;
const { grid, channels, voxels } = await readVolume(file);
const numbers = Array.from(voxels, Number);
const mean = numbers.reduce((sum, v) => sum + v, 0) / numbers.length;

console.log(`shape [z, y, x]   ${grid.shape.join(' × ')}, ${channels.length} channel`);
console.log(`voxel type        ${voxels.constructor.name.replace('Array', '')}`);
console.log(
  `voxel (0,0,0)     at ${[3, 7, 11].map((k) => grid.affine[k]!.toFixed(1)).join(', ')} mm (right, anterior, superior)`,
);
console.log(
  `intensities       ${numbers.reduce((a, b) => Math.min(a, b)).toFixed(1)} to ${numbers.reduce((a, b) => Math.max(a, b)).toFixed(1)}, mean ${mean.toFixed(1)}`,
);
