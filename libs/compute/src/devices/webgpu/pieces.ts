/** Boxes of stored tensors as kernels see them: bound where they lie, or moved to memory of their own and back. */
import { ShapeError } from '../../errors.ts';
import type { Slot } from '../../graph/graph.ts';
import shader from '../../generated/wgsl/piece.ts';
import { sizeOf, stridesOf, type Shape, type TensorSpec } from '../../tensor/spec.ts';
import {
  f32,
  i32,
  linearGroups,
  u32,
  type Box,
  type Dispatch,
  type GpuType,
  type GpuView,
  type Join,
} from './kernel.ts';
import { bytesOf } from './segments.ts';

/** One buffer of a slot, or of something that only the program knows. */
export interface Memory {
  /** Absent: a temporary of the program. */
  readonly slot?: Slot;
  /** Which segment of the slot. */
  readonly part: number;
  readonly bytes: number;
}

/** What a kernel is given: a range of a memory. */
export interface View extends GpuView {
  readonly memory: Memory;
  /** In bytes. */
  readonly offset: number;
}

/** A tensor as it lies. */
export interface Stored extends TensorSpec {
  readonly storage: GpuType;
  /** One per segment, in row-major order. */
  readonly segments: readonly View[];
}

/** A box of a stored tensor, and how what is computed for it comes there. */
export interface Piece extends TensorSpec {
  readonly stored: Stored;
  readonly box: Box;
  /** `put` replaces; with it nothing of what was there is looked at. */
  readonly join: Exclude<Join, 'place'> | 'put';
  readonly scale: number;
}

export function wholePiece(stored: Stored): Piece {
  const { shape, dtype } = stored;
  return { stored, shape, dtype, box: { begin: shape.map(() => 0), shape }, join: 'put', scale: 1 };
}

/** A box of a piece. */
export function pieceOf(piece: Piece, box: Box): Piece {
  if (piece.box.of !== undefined)
    throw new ShapeError('webgpu: a box that sees its tensor in another shape cannot be cut again.', { box });
  return {
    ...piece,
    shape: box.shape,
    box: { ...box, begin: box.begin.map((n, axis) => n + (box.of === undefined ? piece.box.begin[axis]! : 0)) },
  };
}

/** The range of a segment that holds the whole piece; undefined where there is none that can be bound. */
export function boundWhere(piece: Piece, alignment: number): { segment: View; offset: number } | undefined {
  const { stored, box } = piece;
  const shape = box.of ?? stored.shape;
  const strides = stridesOf(shape);
  // Contiguous: whole along every axis behind the first that is longer than one.
  const long = box.shape.findIndex((n) => n !== 1);
  const whole = (axis: number): boolean => box.begin[axis] === 0 && box.shape[axis] === shape[axis];
  const inside = shape.every((n, axis) => box.begin[axis]! >= 0 && box.begin[axis]! + box.shape[axis]! <= n);
  if (!inside || (long >= 0 && !shape.every((_, axis) => axis <= long || whole(axis)))) return undefined;
  const first = box.begin.reduce((sum, n, axis) => sum + n * strides[axis]!, 0);
  let begin = 0;
  for (const segment of stored.segments) {
    const end = begin + sizeOf(segment.shape);
    if (first >= begin && first + sizeOf(box.shape) <= end) {
      const offset = (first - begin) * bytesOf(stored.storage);
      return offset % alignment === 0 ? { segment, offset } : undefined;
    }
    begin = end;
  }
  return undefined;
}

/** Fills `view` with the piece. */
export function gather(piece: Piece, view: View): Dispatch[] {
  return move(piece, (segment, place, isFirst) => ({
    shader,
    entryPoint: 'gather',
    types: { FROM: segment.storage, TO: view.storage },
    constants: SCATTER_DEFAULTS,
    bindings: [segment, view],
    uniforms: place(1, isFirst),
    workgroups: linearGroups(sizeOf(piece.shape), 64),
  }));
}

/** Brings `view` to where the piece lies. */
export function scatter(piece: Piece, view: View): Dispatch[] {
  if (piece.join === 'none') return [];
  const JOIN = { put: 0, add: 1, max: 2, min: 3 }[piece.join];
  return move(piece, (segment, place) => ({
    shader,
    entryPoint: 'scatter',
    types: { FROM: view.storage, TO: segment.storage },
    constants: {
      JOIN,
      SCALED: piece.scale !== 1 || (JOIN !== 0 && !(piece.join === 'add' && segment.storage === 'i32')),
    },
    bindings: [view, segment],
    uniforms: place(piece.scale, false),
    workgroups: linearGroups(sizeOf(piece.shape), 64),
  }));
}

/** Constants that `gather` does not look at. */
const SCATTER_DEFAULTS = { JOIN: 0, SCALED: false };

type Place = (scale: number, zeros: boolean) => Dispatch['uniforms'];

/** One dispatch per segment that the piece reaches, and one for a piece that lies outside altogether. */
function move(piece: Piece, dispatch: (segment: View, place: Place, isFirst: boolean) => Dispatch): Dispatch[] {
  const { stored, box } = piece;
  if (sizeOf(box.shape) === 0) return [];
  const shape = box.of ?? stored.shape;
  const axes = joinedAxes(box, shape);
  const table = axes.flatMap(({ length, begin, extent, stride }) => [
    i32(length),
    i32(begin),
    i32(extent),
    u32(stride),
  ]);
  const [least, most] = rangeOf(box, shape);
  const dispatches: Dispatch[] = [];
  let first = 0;
  for (const segment of stored.segments) {
    const end = first + sizeOf(segment.shape);
    const begin = first;
    const place: Place = (scale, zeros) => [
      ...[sizeOf(box.shape), axes.length, begin, end].map(u32),
      f32(scale),
      u32(zeros ? 1 : 0),
      u32(0),
      u32(0),
      ...table,
      ...new Array(MOST_AXES * 4 - table.length).fill(u32(0)),
    ];
    const reached = least < end && most >= first;
    const isLast = segment === stored.segments.at(-1);
    if (reached || (isLast && dispatches.length === 0))
      dispatches.push(dispatch(segment, place, dispatches.length === 0));
    first = end;
  }
  return dispatches;
}

/** Axes that piece.wgsl walks. */
const MOST_AXES = 8;

interface WalkedAxis {
  length: number;
  begin: number;
  extent: number;
  stride: number;
}

/** The axes of a box, with those that are whole joined to the one before. */
function joinedAxes(box: Box, shape: Shape): WalkedAxis[] {
  const strides = stridesOf(shape);
  const axes: WalkedAxis[] = [];
  shape.forEach((extent, axis) => {
    const [length, begin] = [box.shape[axis]!, box.begin[axis]!];
    const before = axes.at(-1);
    if (before !== undefined && begin === 0 && length === extent) {
      before.length *= extent;
      before.begin *= extent;
      before.extent *= extent;
      before.stride = strides[axis]!;
    } else axes.push({ length, begin, extent, stride: strides[axis]! });
  });
  if (axes.length > MOST_AXES)
    throw new ShapeError(`webgpu: a box of [${shape.join(', ')}] walks more than ${MOST_AXES} axes.`, { shape });
  return axes;
}

/** The first and the last element of the tensor that lie in the box, in row-major order; none where it lies outside. */
function rangeOf(box: Box, shape: Shape): readonly [number, number] {
  const strides = stridesOf(shape);
  let least = 0;
  let most = 0;
  for (const [axis, extent] of shape.entries()) {
    const begin = Math.max(0, box.begin[axis]!);
    const end = Math.min(extent, box.begin[axis]! + box.shape[axis]!);
    if (end <= begin) return [Infinity, -Infinity];
    least += begin * strides[axis]!;
    most += (end - 1) * strides[axis]!;
  }
  return [least, most];
}
