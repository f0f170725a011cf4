/** A schedule of `recipe`, started by runs of the recipe `after`. */
export interface Follows {
  readonly recipe: string;
  readonly after: string;
}

/**
 * The shortest way on which a run of `recipe` would start runs until it started itself again, if it followed `after`,
 * too: both ends are `recipe`. Undefined: there is none.
 */
export function afterCycle(next: Follows, others: readonly Follows[]): string[] | undefined {
  const ways: string[][] = [[next.recipe, next.after]];
  const seen = new Set<string>([next.after]);
  for (const way of ways) {
    const last = way.at(-1);
    if (last === next.recipe) return way;
    for (const { recipe, after } of others) {
      if (recipe !== last || seen.has(after)) continue;
      seen.add(after);
      ways.push([...way, after]);
    }
  }
  return undefined;
}
