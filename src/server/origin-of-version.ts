import type { Sql } from '../db/sql.ts';
import { placeOf } from './artifact-things.ts';
import { modelSource } from './model-source.ts';
import type { Asking, Need } from './policy.ts';
import { loggedModels, model, runs } from './things.ts';

/** What a new version is made of: whoever registers it shows it to all who may read the model. */
export async function originOf(
  sql: Sql,
  { source: given, run_id }: { source: string; run_id: string | undefined },
  { root }: Asking,
): Promise<Need['on'][]> {
  const run = run_id === undefined || run_id === '' ? [] : await runs(sql, [run_id]);
  const source = modelSource(given, root);
  switch (source.kind) {
    case 'proxied':
      return [...run, ...(await placeOf(sql, source.path))];
    case 'run':
      return [...run, ...(await runs(sql, [source.run]))];
    case 'logged-model':
      return [...run, ...(await loggedModels(sql, [source.id]))];
    case 'version':
      return [...run, ...(await model(sql, { name: source.name }))];
    case 'elsewhere':
      return run;
  }
}
