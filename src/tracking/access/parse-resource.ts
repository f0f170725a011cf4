import type { Sql } from '../../db/sql.ts';
import { invalid, missing } from '../mlflow/mlflow-error.ts';
import type { Resource } from './grants.ts';

/**
 * `experiment:ID`, `experiment:NAME`, `model:NAME`; `*` for all of a kind; `cache`.
 *
 * @throws MlflowError INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST
 */
export async function parseResource(sql: Sql, text: string): Promise<Resource> {
  if (text === 'cache') return { kind: 'cache' };
  const [, kind, name = ''] = /^(experiment|model):(.+)$/s.exec(text) ?? [];
  if (kind === 'model') return { kind, name };
  if (kind !== 'experiment')
    throw invalid(
      `${JSON.stringify(text.slice(0, 80))} is not experiment:ID, experiment:NAME, model:NAME, experiment:*, model:* or cache.`,
    );
  if (/^(?:\d{1,15}|\*)$/.test(name)) return { kind, id: name };
  const row = await sql.get('SELECT experiment_id AS id FROM experiments WHERE name = ?', name);
  if (row === undefined) throw missing(`There is no experiment ${JSON.stringify(name.slice(0, 80))}`);
  return { kind, id: String(row['id']) };
}

/** What is no single thing: all of a kind, the cache. */
type Wide =
  | { readonly kind: 'experiment'; readonly id: '*' }
  | { readonly kind: 'model'; readonly name: '*' }
  | { readonly kind: 'cache' };

export function isWide(on: Resource): on is Wide {
  if (on.kind === 'cache') return true;
  return (on.kind === 'experiment' ? on.id : on.name) === '*';
}
