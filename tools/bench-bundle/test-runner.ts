/** What the conformance suite needs of vitest, so that it runs inside the bundle, on a machine without it. */
type Body = () => unknown;

interface Registered {
  readonly name: string;
  readonly body: Body;
}

const registered: Registered[] = [];
const path: string[] = [];

export function describe(name: string, body: () => void): void {
  path.push(name);
  body();
  path.pop();
}

export function it(name: string, body: Body): void {
  registered.push({ name: [...path, name].join(' > '), body });
}

export { it as test };

class Expectation {
  readonly #got: unknown;
  readonly #what: string | undefined;
  constructor(got: unknown, what: string | undefined) {
    this.#got = got;
    this.#what = what;
  }
  #check(holds: boolean, wanted: string): void {
    if (!holds) throw new Error(`${this.#what ?? 'expected'}: ${show(this.#got)} ${wanted}`);
  }
  toBe(want: unknown): void {
    this.#check(Object.is(this.#got, want), `is not ${show(want)}`);
  }
  toBeUndefined(): void {
    this.#check(this.#got === undefined, '');
  }
  toBeGreaterThan(want: number): void {
    this.#check((this.#got as number) > want, `is not above ${want}`);
  }
  toEqual(want: unknown): void {
    this.#check(JSON.stringify(this.#got) === JSON.stringify(want), `is not ${show(want)}`);
  }
}

export function expect(got: unknown, what?: string): Expectation {
  return new Expectation(got, what);
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : String(JSON.stringify(value)).slice(0, 200);
}

export interface Report {
  readonly passed: number;
  readonly failures: readonly string[];
  /** Tests that there was no time for. */
  readonly left: number;
}

/** Runs what was registered since the last call, in order, until `deadline` (as of `performance.now`). */
export async function runRegistered(deadline: number): Promise<Report> {
  const failures: string[] = [];
  const all = registered.splice(0);
  let passed = 0;
  for (const { name, body } of all) {
    if (performance.now() > deadline) break;
    try {
      await body();
      passed++;
    } catch (error) {
      failures.push(`${name}: ${(error as Error).message}`);
    }
  }
  return { passed, failures, left: all.length - passed - failures.length };
}
