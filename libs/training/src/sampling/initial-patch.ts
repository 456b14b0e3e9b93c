/** How the patch turns: angles, mirrored axes, and how large to cut so that turned corners are filled. Source: nnU-Net v2. */
import type { PerAxis } from '@voxelwise/volume';

const ANISOTROPY = 3;
/** Greatest zoom out of the augmentation, as the reference accounts for it: the default trainer's, and DA5's. */
const LEAST_SCALE = 0.85;
export const DA5_LEAST_SCALE = 0.7;

export interface RotationPlan {
  /** Half range of angles per axis [around z, y, x] in radians; a 2D patch turns around z only. */
  readonly angles: PerAxis;
  /** Slices are turned one by one: the patch is thin along its first axis. */
  readonly dummy2d: boolean;
  readonly mirrorAxes: readonly number[];
  readonly initialPatch: PerAxis;
}

/** Patch [z, y, x]; 2D if z is 1. `thin`: a patch may be turned slice by slice where it is thin. Default true. */
export function rotationPlan(patch: PerAxis, thin = true): RotationPlan {
  if (patch[0] === 1) {
    const oblong = Math.max(patch[1], patch[2]) / Math.min(patch[1], patch[2]) > 1.5;
    const angle = oblong ? radians(15) : Math.PI;
    return {
      angles: [angle, 0, 0],
      dummy2d: false,
      mirrorAxes: [1, 2],
      initialPatch: initialPatch(patch, [angle, 0, 0]),
    };
  }
  const dummy2d = thin && Math.max(...patch) / patch[0] > ANISOTROPY;
  const angles: PerAxis = dummy2d ? [Math.PI, 0, 0] : [radians(30), radians(30), radians(30)];
  return { angles, dummy2d, mirrorAxes: [0, 1, 2], initialPatch: initialPatch(patch, angles, dummy2d) };
}

/** The box that holds the patch turned about any one axis, and shrunk. A flat patch keeps its single slice. */
export function initialPatch(
  patch: PerAxis,
  angles: PerAxis,
  dummy2d = false,
  leastScale: number = LEAST_SCALE,
): PerAxis {
  const flat = patch[0] === 1 || dummy2d;
  const [z, y, x] = patch;
  const [a, b, c] = angles.map((angle) => Math.min(Math.PI / 2, Math.abs(angle))) as [number, number, number];
  // The reference names the first array axis x: a turn about it moves the other two.
  const aboutFirst = [z, y * Math.cos(a) + x * Math.sin(a), -y * Math.sin(a) + x * Math.cos(a)];
  const turns = flat
    ? [aboutFirst]
    : [
        aboutFirst,
        [z * Math.cos(b) - x * Math.sin(b), y, z * Math.sin(b) + x * Math.cos(b)],
        [z * Math.cos(c) + y * Math.sin(c), -z * Math.sin(c) + y * Math.cos(c), x],
      ];
  const least = patch.map((n, axis) => Math.max(n, ...turns.map((turn) => Math.abs(turn[axis]!))));
  const cut = least.map((n) => Math.floor(n / leastScale)) as unknown as PerAxis;
  return flat ? [patch[0], cut[1], cut[2]] : cut;
}

function radians(degrees: number): number {
  return (degrees / 180) * Math.PI;
}
