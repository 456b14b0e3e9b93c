/** What a run leaves behind as `report.json`: everything the report draws, in plain JSON. */

export interface CaseScore {
  readonly id: string;
  /** Which set the case was scored in. */
  readonly split: 'validation' | 'test';
  /** Per label name: metric -> value; NaN is null. */
  readonly perClass: Readonly<Record<string, Readonly<Record<string, number | null>>>>;
  readonly meanDice: number | null;
  /** Files relative to the report's folder, or absolute. */
  readonly image: string;
  readonly reference: string;
  readonly prediction: string;
}

export interface CurvePoint {
  readonly epoch: number;
  readonly step: number;
  /** Seconds of training since the fold began. */
  readonly seconds: number;
  readonly trainLoss: number;
  readonly validationLoss: number | null;
  /** Mean foreground pseudo Dice, and its moving average. */
  readonly pseudoDice: number | null;
  readonly emaDice: number | null;
  readonly learningRate: number;
}

export interface FoldCurve {
  readonly configuration: string;
  readonly fold: string;
  readonly points: readonly CurvePoint[];
}

export interface PlanRow {
  readonly name: string;
  readonly value: string;
  readonly why: string;
}

export interface RunSummary {
  readonly version: 1;
  readonly title: string;
  readonly dataset: {
    readonly name: string;
    readonly cases: number;
    readonly channels: readonly string[];
    readonly labels: Readonly<Record<string, number | readonly number[]>>;
  };
  readonly meanDice: number | null;
  readonly perClass: Readonly<Record<string, Readonly<Record<string, number | null>>>>;
  readonly seconds: number;
  readonly peakMemoryBytes: number;
  readonly device: string;
  /** Seconds per stage, in order. */
  readonly stages: readonly { readonly name: string; readonly seconds: number }[];
  readonly recipe: string;
  readonly plan: readonly PlanRow[];
  readonly curves: readonly FoldCurve[];
  /** What was compared on the validation cases: models, pairs of them, the chosen after post-processing. */
  readonly candidates: readonly { readonly name: string; readonly meanDice: number; readonly chosen: boolean }[];
  readonly cases: readonly CaseScore[];
  readonly warnings: readonly string[];
  readonly environment: readonly (readonly [string, string])[];
  readonly hashes: readonly { readonly file: string; readonly sha256: string }[];
}
