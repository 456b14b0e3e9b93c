/** Memory given back at once: the garbage collector lets some 32 MiB of dropped buffers gather before it looks. */

let sink: MessagePort | undefined;

/**
 * Frees the memory of `buffer`, which is empty afterwards: a message to a port that is closed takes what is transferred with it.
 * Only for memory that nobody reads or writes any more; never for memory that others share, such as Node's pool of small Buffers.
 */
export function release(buffer: ArrayBuffer): void {
  if (sink === undefined) {
    sink = new MessageChannel().port1;
    sink.close();
  }
  sink.postMessage(undefined, [buffer]);
}
