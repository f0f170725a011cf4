import { lock } from '../../db/lock.ts';
import type { Row, Sql } from '../../db/sql.ts';
import type { SourceExperiment } from './source-records.ts';

/** The experiment that every database has from its beginning. */
export const DEFAULT = 0;

/** Where there is a row of an experiment that somebody worked with. */
const WORK = ['runs', 'experiment_tags', 'datasets', 'logged_models', 'traces'] as const;

export interface TakeOver {
  readonly theirs: SourceExperiment;
  /** Where its artifacts go; null: to the server's. */
  readonly place: string | null;
  readonly isDryRun: boolean;
}

/**
 * As long as nobody changed `Default` or worked with it, it becomes what it is at the source; a time that the source
 * does not know stays. Gives its row as an import that writes leaves it.
 */
export async function takeOverDefault(sql: Sql, { theirs, place, isDryRun }: TakeOver): Promise<Row> {
  const held = isDryRun ? '' : lock(sql, 'change');
  const row = await sql.get(`SELECT * FROM experiments WHERE experiment_id = ?${held}`, DEFAULT);
  if (row === undefined) throw new Error('Internal error: a database without Default');
  if (row['creation_time'] !== row['last_update_time'] || row['artifact_location'] !== null) return row;
  for (const table of WORK)
    if (
      (await sql.get(`SELECT 1 AS found FROM ${table} WHERE experiment_id = ? LIMIT 1`, DEFAULT)) !==
      undefined
    )
      return row;
  const createdAt = theirs.createdAt || Number(row['creation_time']);
  const taken = {
    lifecycle_stage: theirs.lifecycle,
    creation_time: createdAt,
    last_update_time: theirs.updatedAt || createdAt,
    artifact_location: place,
  };
  if (!isDryRun)
    await sql.run(
      'UPDATE experiments SET lifecycle_stage = ?, creation_time = ?, last_update_time = ?, artifact_location = ? WHERE experiment_id = ?',
      ...Object.values(taken),
      DEFAULT,
    );
  return { ...row, ...taken };
}
