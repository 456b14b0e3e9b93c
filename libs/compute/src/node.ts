/** Node-only entry of @voxelwise/compute. */
export {};
