/** The voxelwise command line. */
export {};
