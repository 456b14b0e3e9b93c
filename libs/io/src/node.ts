/** Node-only entry of @voxelwise/io. */
export {};
