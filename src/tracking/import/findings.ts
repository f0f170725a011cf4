/** What an import meets that it does not take as it is. */
export type FindingKind = 'conflict' | 'skipped' | 'changed';

export interface Finding {
  readonly kind: FindingKind;
  /** What is wrong, in words that are the same for all that are alike. */
  readonly problem: string;
  readonly count: number;
  /** Names of the first ones. */
  readonly examples: readonly string[];
}

const MAX_EXAMPLES = 10;

/**
 * Counts what is wrong with a source, and names the first of each sort: a damaged row must not stop the
 * import of a million others.
 */
export class Findings {
  readonly #found = new Map<
    string,
    { kind: FindingKind; problem: string; count: number; examples: string[] }
  >();

  /** `conflict`: the target holds something else, which stays. `skipped`: not imported. `changed`: imported, but not as it was. */
  add(kind: FindingKind, problem: string, name: string): void {
    let found = this.#found.get(problem);
    if (found === undefined) {
      found = { kind, problem, count: 0, examples: [] };
      this.#found.set(problem, found);
    }
    found.count += 1;
    if (found.examples.length < MAX_EXAMPLES) found.examples.push(name.slice(0, 200));
  }

  list(): readonly Finding[] {
    return [...this.#found.values()];
  }
}
