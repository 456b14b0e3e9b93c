/** Node-only entry of @voxelwise/inference: model folders on a disk. */
export { directoryFolder } from './node/directory-folder.ts';
