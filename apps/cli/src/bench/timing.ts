/** Seconds that a piece of work takes. */

export interface Timing {
  /** Seconds. */
  readonly min: number;
  /** Runs. */
  readonly n: number;
}

/** Once to warm up, then for `seconds`, three times at least; the fastest counts. */
export async function best(seconds: number, work: () => Promise<void>): Promise<Timing> {
  await work();
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  while (times.length < 3 || performance.now() < end) {
    const begun = performance.now();
    await work();
    times.push((performance.now() - begun) / 1000);
  }
  return { min: Math.min(...times), n: times.length };
}
