/** Node-only entry of @voxelwise/compute. */
export { createNodeGpu, type NodeGpuOptions } from './devices/webgpu/node-gpu.ts';
