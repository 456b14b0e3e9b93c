/** Lowers operations: as they are where everything fits the adapter's limits, else in parts by the kernel's cuts. */
import { DeviceError, OutOfMemoryError } from '../../errors.ts';
import type { Slot } from '../../graph/graph.ts';
import { describe, sizeOf, type TensorSpec } from '../../tensor/spec.ts';
import type { GpuAbilities, Step } from './compile.ts';
import {
  gpuBytes,
  gpuType,
  type Dispatch,
  type GpuCut,
  type GpuPart,
  type GpuScratch,
  type GpuStage,
  type GpuType,
  type StageTensor,
  type WebGpuKernel,
} from './kernel.ts';
import {
  boundWhere,
  gather,
  pieceOf,
  scatter,
  wholePiece,
  type Memory,
  type Piece,
  type Stored,
  type View,
} from './pieces.ts';
import { bindingBytes, segmentsOf } from './segments.ts';

/** An operation on pieces of stored tensors. */
export interface PieceCall {
  readonly name: string;
  readonly kernel: WebGpuKernel;
  readonly mutates: readonly string[];
  readonly options: unknown;
  readonly inputs: Readonly<Record<string, Piece | undefined>>;
  readonly outputs: readonly Piece[];
  /** Whether it is a part of another call, which finishes it. */
  readonly inner?: boolean;
}

/** A piece as a kernel is given it, and the dispatches that bring it there and back. */
interface Given {
  readonly view: View;
  readonly before: readonly Dispatch[];
  readonly after: readonly Dispatch[];
}

export class PartLowering {
  readonly #abilities: GpuAbilities;
  readonly #steps: Step[];
  readonly #mostBytes: number;
  #nextId = 0;

  constructor(abilities: GpuAbilities, steps: Step[]) {
    this.#abilities = abilities;
    this.#steps = steps;
    this.#mostBytes = bindingBytes(abilities.limits);
  }

  /** Memory for a tensor: a slot's, or a temporary's. */
  store(spec: TensorSpec, storage: GpuType, slot: Slot | undefined): Stored {
    const { shape, dtype } = spec;
    const segments = segmentsOf(spec, this.#mostBytes, storage);
    return {
      shape,
      dtype,
      storage,
      segments: segments.map((count, part): View => {
        const seen = segments.length === 1 ? shape : [count];
        const memory: Memory = { ...(slot ? { slot } : {}), part, bytes: gpuBytes({ shape: seen, dtype }, storage) };
        return { id: this.#nextId++, shape: seen, dtype, storage, memory, offset: 0 };
      }),
    };
  }

  /** Throws: OutOfMemoryError, DeviceError where what passes a limit cannot be cut. */
  lower(call: PieceCall): void {
    const large = [...Object.values(call.inputs), ...call.outputs].find(
      (piece) => piece !== undefined && this.#bytes(piece, call.kernel) > this.#mostBytes,
    );
    const trouble =
      large === undefined
        ? this.#lowerWhole(call)
        : this.#tooLarge(call, describe(large), this.#bytes(large, call.kernel));
    if (trouble === undefined) return;
    if (call.kernel.stages === undefined) this.#lowerInParts(call, trouble, large === undefined);
    else this.#lowerInStages(call, call.kernel.stages(call));
  }

  #lowerInStages(call: PieceCall, stages: readonly GpuStage[]): void {
    const between = new Map<TensorSpec, Piece>();
    const pieceAt = ({ of, box }: StageTensor): Piece => {
      let piece: Piece | undefined;
      if (typeof of === 'object') {
        piece = between.get(of) ?? wholePiece(this.store(of, gpuType(of.dtype), undefined));
        between.set(of, piece);
      } else piece = typeof of === 'string' ? call.inputs[of]! : call.outputs[of]!;
      return box ? pieceOf(piece, box) : piece;
    };
    for (const { kernel, options, inputs, outputs, mutates = [] } of stages)
      this.lower({
        name: call.name,
        kernel,
        mutates,
        options,
        inputs: Object.fromEntries(Object.entries(inputs).map(([name, given]) => [name, pieceAt(given)])),
        outputs: outputs.map(pieceAt),
      });
  }

  /** Returns what stands against it, if anything; then nothing was added. */
  #lowerWhole(call: PieceCall): Error | undefined {
    const { kernel, mutates, options } = call;
    const inputs = Object.entries(call.inputs).map(
      ([name, piece]) => [name, piece && this.#given(piece, kernel, mutates.includes(name) ? 'both' : 'in')] as const,
    );
    const outputs = call.outputs.map((piece) => this.#given(piece, kernel, 'out'));
    const scratches: GpuScratch[] = [];
    const dispatches = kernel.lower({
      ...this.#context(scratches),
      inputs: Object.fromEntries(inputs.map(([name, given]) => [name, given?.view])),
      outputs: outputs.map(({ view }) => view),
      options,
    });
    const trouble = this.#troubleOf(call, dispatches, scratches);
    if (trouble !== undefined) return trouble;
    const given = [...inputs.map(([, input]) => input), ...outputs].filter((one) => one !== undefined);
    this.#push(
      'parts',
      given.flatMap(({ before }) => before),
    );
    this.#push(call.name, dispatches);
    this.#push(
      'parts',
      given.flatMap(({ after }) => after),
    );
    return undefined;
  }

  #lowerInParts(call: PieceCall, trouble: Error, mustHalve: boolean): void {
    const cuts = (
      call.kernel.cuts?.({ inputs: call.inputs, outputs: call.outputs, options: call.options }) ?? []
    ).filter((cut) => cut.length > 1);
    if (cuts.length === 0) throw trouble;
    const lengths = cuts.map((cut) => this.#longest(call, cut));
    const best = Math.max(
      0,
      lengths.findIndex((length) => length > 0),
    );
    const cut = cuts[best]!;
    const length = Math.max(1, mustHalve ? Math.min(lengths[best]!, Math.ceil(cut.length / 2)) : lengths[best]!);
    for (let begin = 0; begin < cut.length; begin += length) {
      const end = Math.min(cut.length, begin + length);
      this.lower(partOf(call, cut, cut.part(begin, end), begin === 0));
    }
    if (cut.finish === undefined || call.inner) return;
    const scratches: GpuScratch[] = [];
    const outputs = call.outputs.map((piece) => this.#given(piece, call.kernel, 'out').view);
    const dispatches = cut.finish({ ...this.#context(scratches), outputs });
    const still = this.#troubleOf(call, dispatches, scratches);
    if (still !== undefined) throw still;
    this.#push(call.name, dispatches);
  }

  /** The longest parts of a cut whose pieces all fit; 0 where not even parts of one do. */
  #longest(call: PieceCall, cut: GpuCut): number {
    const fits = (length: number): boolean => {
      for (let begin = 0; begin < cut.length; begin += length) {
        const { inputs, outputs } = cut.part(begin, Math.min(cut.length, begin + length));
        const boxes = [
          ...Object.entries(inputs).map(([name, box]) => box && pieceOf(call.inputs[name]!, box)),
          ...outputs.map((box, k) => pieceOf(call.outputs[k]!, box)),
        ];
        if (boxes.some((piece) => piece && this.#bytes(piece, call.kernel) > this.#mostBytes)) return false;
      }
      return true;
    };
    let [least, most] = [0, cut.length];
    while (least < most) {
      const middle = Math.ceil((least + most) / 2);
      if (fits(middle)) least = middle;
      else most = middle - 1;
    }
    return least;
  }

  #given(piece: Piece, kernel: WebGpuKernel, way: 'in' | 'out' | 'both'): Given {
    const storage = storageFor(piece, kernel);
    const isPlain = way === 'in' || (piece.join === 'put' && piece.scale === 1);
    const { shape, dtype, stored } = piece;
    if (isPlain && storage === stored.storage) {
      const bound = boundWhere(piece, this.#abilities.limits.minStorageBufferOffsetAlignment);
      if (bound !== undefined) {
        const { segment, offset } = bound;
        const isAll = offset === 0 && sizeOf(shape) === sizeOf(segment.shape);
        // The same tensor bound twice keeps its identity.
        const id = isAll ? segment.id : this.#nextId++;
        return { view: { id, shape, dtype, storage, memory: segment.memory, offset }, before: [], after: [] };
      }
    }
    const [view] = this.store(piece, storage, undefined).segments as [View];
    return {
      view,
      before: way === 'out' ? [] : gather(piece, view),
      after: way === 'in' ? [] : scatter(piece, view),
    };
  }

  #context(scratches: GpuScratch[]): Pick<GpuAbilities, 'features' | 'limits' | 'matrices'> & {
    scratch(bytes: number): GpuScratch;
  } {
    const { features, limits, matrices } = this.#abilities;
    return {
      features,
      limits,
      matrices,
      scratch: (bytes) => {
        const scratch: GpuScratch = { bytes: Math.max(4, Math.ceil(bytes / 4) * 4) };
        scratches.push(scratch);
        return scratch;
      },
    };
  }

  #troubleOf(call: PieceCall, dispatches: readonly Dispatch[], scratches: readonly GpuScratch[]): Error | undefined {
    const scratch = scratches.find(({ bytes }) => bytes > this.#mostBytes);
    if (scratch !== undefined) return this.#tooLarge(call, 'scratch memory', scratch.bytes);
    const most = this.#abilities.limits.maxComputeWorkgroupsPerDimension;
    const groups = dispatches.flatMap(({ workgroups }) => workgroups).find((n) => n > most);
    return groups === undefined
      ? undefined
      : new DeviceError(
          `${call.name}: takes ${groups} workgroups along one axis, this adapter starts ${most}; use a smaller patch or batch.`,
          { op: call.name, workgroups: groups, limit: most },
        );
  }

  #tooLarge(call: PieceCall, what: string, bytes: number): OutOfMemoryError {
    const most = this.#mostBytes;
    return new OutOfMemoryError(
      `webgpu: ${what} of ${call.name} takes ${bytes} bytes, one buffer of this adapter holds ${most}, and ${call.name} cannot be computed in smaller parts; use a smaller patch or batch.`,
      { op: call.name, requestedBytes: bytes, freeBytes: most, largestFreeBytes: most, limitBytes: most },
    );
  }

  #bytes(piece: Piece, kernel: WebGpuKernel): number {
    return gpuBytes(piece, storageFor(piece, kernel));
  }

  #push(label: string, dispatches: readonly Dispatch[]): void {
    for (const dispatch of dispatches)
      if (dispatch.workgroups.every((n) => n > 0)) this.#steps.push({ label, dispatch });
  }
}

/** As stored where the kernel takes halves; sums of parts are kept in full. */
function storageFor({ stored, dtype, join }: Piece, kernel: WebGpuKernel): GpuType {
  return kernel.halves === undefined || join !== 'put' ? gpuType(dtype) : stored.storage;
}

/** The call of one part; the first of those that join replaces what was there. */
function partOf(call: PieceCall, cut: GpuCut, part: GpuPart, isFirst: boolean): PieceCall {
  return {
    ...call,
    options: part.options,
    inner: true,
    inputs: Object.fromEntries(
      Object.entries(call.inputs).map(([name, piece]) => {
        const box = part.inputs[name];
        return [name, piece && box && pieceOf(piece, box)];
      }),
    ),
    outputs: part.outputs.map((box, k) => {
      const piece = pieceOf(call.outputs[k]!, box);
      const join = cut.joins?.[k] ?? 'place';
      return {
        ...piece,
        scale: piece.scale * (part.share ?? 1),
        join: join === 'place' || (isFirst && join !== 'none') ? piece.join : join,
      };
    }),
  };
}
