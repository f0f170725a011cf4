import type { Change } from '../tracking/mlflow/audit.ts';
import type { Served } from './route.ts';

/** Who changes something, for whom, and when, for its history. */
export function changeOf({ now, identity, askedFor }: Pick<Served, 'now' | 'identity' | 'askedFor'>): Change {
  const { name: actor } = identity;
  return { actor, askedFor: askedFor === actor ? undefined : askedFor, at: now() };
}
