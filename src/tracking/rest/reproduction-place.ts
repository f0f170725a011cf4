import type { Digest } from '../../core/ids.ts';

/** Where a server keeps the reproduction of a version, in its space of artifacts. */
export interface ReproductionPlace {
  readonly path: string;
  /** Whether a recipe that registers may write there: not where the server itself names models by digest. */
  readonly isOurs: boolean;
}

/** It follows from the source of the version; undefined if clients of the server's proxy do not get there. */
export function reproductionPlace(source: string, digest: Digest): ReproductionPlace | undefined {
  if (/^mlflow-artifacts:\/+models\/[0-9a-f]{64}$/.test(source))
    return { path: `reproductions/${digest}`, isOurs: false };
  const [, root] = /^mlflow-artifacts:(?:\/\/[^/]*)?\/*([^/].*)\/model$/.exec(source) ?? [];
  return root === undefined
    ? undefined
    : { path: `${root}/reproduction/${digest.slice(0, 12)}`, isOurs: true };
}
