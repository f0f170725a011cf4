import type { Change } from '../tracking/mlflow/audit.ts';
import type { Served } from './route.ts';

/** Who changes something, and when, for its history. */
export function changeOf({ now, identity }: Pick<Served, 'now' | 'identity'>): Change {
  return { actor: identity.name, at: now() };
}
