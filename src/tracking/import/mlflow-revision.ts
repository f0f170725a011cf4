import type { Reader } from '../../db/reader.ts';

/** The revision of MLflow's schema that a database has; undefined if MLflow did not make it. */
export async function mlflowRevision(reader: Reader): Promise<string | undefined> {
  // Other programs use alembic too.
  for (const table of ['alembic_version', 'experiments', 'runs', 'latest_metrics'])
    if ((await reader.columns(table)).size === 0) return undefined;
  const [row] = await reader.all('SELECT version_num FROM alembic_version');
  return row === undefined ? undefined : String(row['version_num']);
}
