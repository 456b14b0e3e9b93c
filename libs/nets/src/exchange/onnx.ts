/**
 * Networks as ONNX files: `image` [batch, C, (z,) y, x] → `logits`, written from what a forward pass does. Networks of one's own
 * need nothing but a `forward` of operations that ONNX knows.
 */
import { NetworkError } from '../errors.ts';
import type { Module } from '../module/module.ts';
import { requireWeights, type Weights } from '../module/weights.ts';
import { buildNetwork } from '../networks/catalogue.ts';
import type { NetworkConfig } from '../network-config.ts';
import { OnnxGraph, type Dimension, type Port } from './onnx-graph.ts';
import { operators } from './onnx-operators.ts';
import { isKnown, traceNetwork, type Call, type Trace, type Value } from './trace.ts';

export interface OnnxOptions {
  /**
   * Shapes of images [N, C, (z,) y, x] that the network takes. Where they differ, the file takes any size: the graph must be
   * the same for all of them. With one shape it takes that one alone.
   */
  readonly shapes: readonly (readonly number[])[];
  /** Key and value pairs for the file. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Logits of every resolution: `logits`, `logits1`, … Default false. */
  readonly deepSupervision?: boolean;
  /** Of the graph. Default `network`. */
  readonly name?: string;
}

/**
 * A network of the catalogue with these weights: any batch, any extent that the strides divide.
 *
 * Throws: NetworkError for a network that is not of the catalogue, WeightsError for weights that are missing or of another shape.
 */
export function encodeOnnx(
  config: NetworkConfig,
  weights: Weights,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const whole = config.strides[0]!.map((_, axis) => config.strides.reduce((product, s) => product * s[axis]!, 1));
  const shapes = [1, 2].map((n) => [n, config.inputChannels, ...whole.map((step) => step * (n + 1))]);
  return encodeNetworkOnnx(buildNetwork(config), weights, { shapes, metadata, name: config.network });
}

/**
 * A network of one's own. `weights`: as `readWeights` gives them, or out of a file; what the network holds stays as it is.
 *
 * Throws: NetworkError for an operation that ONNX has not, and where the graph hangs on a size that the shapes leave open;
 * WeightsError for weights that are missing or of another shape.
 */
export function encodeNetworkOnnx(
  network: Module,
  weights: Weights,
  { shapes, metadata = {}, deepSupervision = false, name = 'network' }: OnnxOptions,
): Uint8Array {
  requireWeights('encodeNetworkOnnx', network, weights);
  const [first, ...others] = shapes;
  if (first === undefined || others.some((shape) => shape.length !== first.length))
    throw new NetworkError(
      `encodeNetworkOnnx: shapes are one or more of the same rank, came ${JSON.stringify(shapes)}.`,
      { shapes },
    );
  const traces = shapes.map((shape) => traceNetwork(network, weights, shape, { deepSupervision }));
  const graphs = traces.map(graphOf);
  const odd = graphs.findIndex((graph) => !graph.sameAs(graphs[0]!));
  if (odd > 0)
    throw new NetworkError(
      `encodeNetworkOnnx: the graph for images [${shapes[odd]!.join(', ')}] is another than that for [${first.join(', ')}]: a size is built into it (reshape, expand, resize and slice do so). Give shapes that differ less, or one alone.`,
      { shapes },
    );
  const image: Port = { name: 'image', dtype: 'f32', shape: dimensions(shapes, axisNames(first.length)) };
  const outputs = traces[0]!.outputs.map(({ spec }, k): Port => {
    const names = spec.shape.map((_, axis) => (axis === 0 ? 'batch' : `${outputName(k)}_${axis}`));
    const all = traces.map((trace) => trace.outputs[k]!.spec.shape);
    const likeImage = all.every((shape, t) => shape.slice(2).join() === shapes[t]!.slice(2).join());
    return {
      name: outputName(k),
      dtype: spec.dtype,
      shape: dimensions(all, likeImage ? axisNames(first.length) : names),
    };
  });
  return graphs[0]!.encode(name, image, outputs, metadata);
}

const outputName = (k: number): string => (k === 0 ? 'logits' : `logits${k}`);

function axisNames(rank: number): string[] {
  const space = ['z', 'y', 'x'].slice(-(rank - 2));
  return ['batch', 'channels', ...space].slice(0, rank);
}

/** A name where the shapes differ. */
function dimensions(shapes: readonly (readonly number[])[], names: readonly string[]): Dimension[] {
  return shapes[0]!.map((n, axis) => (shapes.every((shape) => shape[axis] === n) ? n : names[axis]!));
}

function graphOf({ outputs, calls }: Trace): OnnxGraph {
  const graph = new OnnxGraph();
  const results = new Map<Call, string>();
  const nameOf = (value: Value, user: string): string => {
    if (isKnown(value))
      return value.name === undefined
        ? graph.constant(value.spec, value.data)
        : graph.tensor(value.name, value.spec, value.data);
    if (value.output > 0)
      throw new NetworkError(
        `encodeNetworkOnnx: ${user} takes a second result of ${value.call!.op.name}, which ONNX has not.`,
        {
          op: value.call!.op.name,
        },
      );
    return value.call ? results.get(value.call)! : 'image';
  };
  for (const call of calls) {
    const { op, inputs, options } = call;
    const emit = Object.hasOwn(operators, op.name) ? operators[op.name] : undefined;
    if (emit === undefined)
      throw new NetworkError(
        `encodeNetworkOnnx: the network uses ${op.name}, which has no counterpart in ONNX; known are ${Object.keys(operators).join(', ')}.`,
        { op: op.name },
      );
    const entries = Object.entries(inputs);
    const names = Object.fromEntries(entries.map(([key, value]) => [key, nameOf(value, op.name)]));
    const specs = Object.fromEntries(entries.map(([key, value]) => [key, value.spec]));
    results.set(call, emit({ graph, names, specs, options }));
  }
  outputs.forEach((value, k) => graph.node('Identity', [nameOf(value, 'the result')], {}, outputName(k)));
  return graph;
}
