/** How voxels are read between their centers, and what lies beyond the outermost. Kernels know them by their place here. */
export const INTERPOLATIONS = ['nearest', 'linear', 'cubic'] as const;
export const PADDINGS = ['zeros', 'border', 'reflect', 'halfVoxel', 'mirror'] as const;
