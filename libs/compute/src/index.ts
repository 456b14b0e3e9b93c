/** Tensors, operations, their kernels and derivatives; nothing about medicine. */
export { DeviceError, DTypeError, OutOfMemoryError, ShapeError, UsageError } from './errors.ts';
export { describe, hostArray, sizeOf, type DType, type HostArray, type Shape, type TensorSpec } from './tensor/spec.ts';
export { Tensor, tensor, zeros } from './tensor/tensor.ts';
export { keep, scope } from './tensor/scope.ts';
export type { Device, DeviceKind, MemoryUse } from './devices/device.ts';
export { createReferenceDevice } from './devices/reference/reference-device.ts';
export { createShapeDevice, type ShapeDevice, type WorkCount } from './devices/shape/shape-device.ts';
export type { AutotuneTable } from './devices/autotune.ts';
export { createPlanningDevice, type PlanningOptions } from './devices/wasm/planning-device.ts';
export { createWasmDevice, type WasmDevice, type WasmOptions } from './devices/wasm/wasm-device.ts';
export { hardwareThreads, relaxedSimdAvailable, sharedMemoryAvailable } from './devices/wasm/features.ts';
export {
  createWebGpuDevice,
  tensorCoresAvailable,
  type WebGpuDevice,
  type WebGpuOptions,
} from './devices/webgpu/webgpu-device.ts';
export {
  f32,
  gpuBytes,
  gpuType,
  i32,
  linearGroups,
  u32,
  type Dispatch,
  type GpuLoweringContext,
  type GpuScratch,
  type GpuTable,
  type GpuType,
  type GpuView,
  type GpuWord,
  type WebGpuKernel,
} from './devices/webgpu/kernel.ts';
export { defineOp, registerKernel, type AnyOp, type Inputs, type Op, type OpCase, type OpDefinition } from './op/op.ts';
export {
  float,
  int,
  pointer,
  scratchPointer,
  type Deferred,
  type KernelArgument,
  type KernelCall,
  type Layout,
  type LoweringContext,
  type Moments,
  type WasmKernel,
  type WasmKernelModule,
  type WasmVariant,
  type WasmView,
} from './devices/wasm/kernel.ts';
export { storedBytes } from './devices/wasm/layouts.ts';
export { taped, type SegmentEntry, type Tape, type TapeEntry } from './op/tape.ts';
export { defineGradient, type GradientRule } from './autograd/gradient.ts';
export { checkpoint } from './autograd/checkpoint.ts';
export { registerGradient, valueAndGradients } from './autograd/backward.ts';
export * from './ops/index.ts';
export * from './random/index.ts';
