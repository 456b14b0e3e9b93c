/** Why a plan says what it says: one record per value, with the rule and what went into it. */

export interface Explanation {
  /** Where the value stands in the plans file, steps joined by dots: "configurations.3d_fullres.patch_size". */
  readonly path: string;
  readonly value: unknown;
  readonly rule: string;
  /** The rule's inputs by name. Plain JSON. */
  readonly from: Readonly<Record<string, unknown>>;
}

/** Takes one explanation. */
export type Explain = (path: string, value: unknown, rule: string, from?: Readonly<Record<string, unknown>>) => void;

/** A list and the function that writes to it. A later explanation of the same path replaces the earlier one. */
export function explanations(): { readonly list: () => Explanation[]; readonly explain: Explain } {
  const byPath = new Map<string, Explanation>();
  return {
    list: () => [...byPath.values()],
    explain: (path, value, rule, from = {}) => byPath.set(path, { path, value, rule, from }),
  };
}
