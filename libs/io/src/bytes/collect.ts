/** Chunks joined, and arrays handed out as chunks. */
import { FormatError } from '../errors.ts';

/** All chunks as one array. Throws: FormatError when they exceed `limit` bytes. */
export async function collect(chunks: AsyncIterable<Uint8Array>, limit = Infinity, name?: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of chunks) {
    total += chunk.length;
    if (total > limit)
      throw new FormatError(
        `${name ?? 'bytes'}: holds more than the ${limit} bytes its header declares or the limit allows; refused.`,
        {
          ...(name === undefined ? {} : { file: name }),
          details: { limit },
        },
      );
    parts.push(chunk);
  }
  return concatenate(parts, total);
}

export function concatenate(
  parts: readonly Uint8Array[],
  total = parts.reduce((sum, p) => sum + p.length, 0),
): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** One array as a stream of views of `step` bytes. */
export async function* inSteps(bytes: Uint8Array, step = 1 << 20): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, Math.min(bytes.length, at + step));
}
