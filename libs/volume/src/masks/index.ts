/** Geometry of masks: boxes, holes, components, distances. */
export { type Box, boxShape, cutBox, tightBox } from './box.ts';
export { type Components, type Connectivity, connectedComponents, keepLargestComponents } from './components.ts';
export { DistanceBuffers, squaredDistance, type TakeDistances, takeSquaredDistances } from './distance.ts';
export { fillHoles } from './holes.ts';
export { labelBoxes, unionBox } from './label-boxes.ts';
export { type NonzeroRegion, nonzeroMask, nonzeroRegion } from './nonzero.ts';
