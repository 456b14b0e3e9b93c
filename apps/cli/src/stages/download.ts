/** Fetches a file over HTTP, with progress, and says what went wrong in words. */
import type { Context } from '../context.ts';
import { InputError } from '../exit.ts';

export function isUrl(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

/** The whole file. Throws: InputError if the server cannot be reached, refuses, or stops in the middle. */
export async function download(context: Context, url: string): Promise<Uint8Array> {
  const failed = (message: string, cause?: unknown): InputError =>
    new InputError('download-failed', `${url}: ${message}`, url, {}, cause === undefined ? undefined : { cause });
  const response = await fetch(url, { signal: context.signal }).catch((error: unknown) => {
    throw failed(`the server cannot be reached (${reasonOf(error)}).`, error);
  });
  if (!response.ok || response.body === null)
    throw failed(`the server answers ${response.status} ${response.statusText}; a zip was expected.`);
  const expected = Number(response.headers.get('content-length') ?? 0);
  const progress = context.output.progress('download', expected || 1, 'byte');
  const chunks: Uint8Array[] = [];
  let came = 0;
  try {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      came += chunk.length;
      progress.update(expected === 0 ? 0 : came, `${(came / 1e6).toFixed(0)} MB`);
    }
  } catch (error) {
    throw failed(`ended after ${came} of ${expected || 'unknown'} bytes (${reasonOf(error)}); try again.`, error);
  }
  progress.end();
  return Buffer.concat(chunks);
}

/** `fetch failed` hides what failed in its cause. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? cause.message : message;
}
