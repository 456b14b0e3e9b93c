/** What a run has decided and done so far, kept in its results folder so that the same words go on from there. */
import { join } from 'node:path';
import { exists, readJson, writeJson } from '../files.ts';

export interface StageTime {
  readonly name: string;
  readonly seconds: number;
}

interface StoredRun {
  /** What was asked for; other words start anew. */
  readonly identity: string;
  /** Seconds that earlier sittings took. */
  readonly spent: number;
  readonly stages: readonly StageTime[];
  /** Decisions by name: budgets, choices. Plain JSON. */
  readonly decisions: Readonly<Record<string, unknown>>;
}

export class RunState {
  readonly #path: string;
  readonly #identity: string;
  readonly #begun = performance.now();
  readonly #before: number;
  readonly #stages: Map<string, number>;
  readonly #decisions: Map<string, unknown>;
  readonly resumed: boolean;

  private constructor(path: string, identity: string, stored: StoredRun | undefined) {
    this.#path = path;
    this.#identity = identity;
    this.#before = stored?.spent ?? 0;
    this.#stages = new Map(stored?.stages.map((stage) => [stage.name, stage.seconds]));
    this.#decisions = new Map(Object.entries(stored?.decisions ?? {}));
    this.resumed = stored !== undefined;
  }

  static async open(folder: string, identity: unknown): Promise<RunState> {
    const path = join(folder, 'run.json');
    const asked = JSON.stringify(identity);
    const stored = exists(path) ? await readJson<StoredRun>(path) : undefined;
    return new RunState(path, asked, stored?.identity === asked ? stored : undefined);
  }

  /** Seconds since the run began, earlier sittings included. */
  get seconds(): number {
    return this.#before + (performance.now() - this.#begun) / 1000;
  }

  get stages(): readonly StageTime[] {
    return Array.from(this.#stages, ([name, seconds]) => ({ name, seconds }));
  }

  /** Does a stage and adds its time to the account. */
  async stage<T>(name: string, work: () => Promise<T>): Promise<T> {
    const begun = performance.now();
    try {
      return await work();
    } finally {
      this.#stages.set(name, (this.#stages.get(name) ?? 0) + (performance.now() - begun) / 1000);
      await this.save();
    }
  }

  decided(name: string): boolean {
    return this.#decisions.has(name);
  }

  /** Decides once: a run that goes on keeps what it decided. */
  async decide<T>(name: string, decide: () => Promise<T>): Promise<T> {
    if (!this.#decisions.has(name)) {
      this.#decisions.set(name, await decide());
      await this.save();
    }
    return this.#decisions.get(name) as T;
  }

  save(): Promise<void> {
    const stored: StoredRun = {
      identity: this.#identity,
      spent: this.seconds,
      stages: this.stages,
      decisions: Object.fromEntries(this.#decisions),
    };
    return writeJson(this.#path, stored);
  }
}
