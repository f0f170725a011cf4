import { arrayOf } from '../../db/postgres-array.ts';
import type { Sql } from '../../db/sql.ts';
import { together } from '../../db/together.ts';
import type { Point } from './arrange-points.ts';
import { refusalOf } from './check-active.ts';
import { inList, listOf } from './in-list.ts';
import type { MlflowError } from './mlflow-error.ts';
import { putPoints } from './put-points.ts';
import { writePoints } from './write-metrics.ts';

/**
 * Points of several runs, in one transaction. Gives, by run, why it takes none; the others have theirs.
 * On PostgreSQL it waits for no run that another transaction holds: that is an error.
 */
export async function logPoints(sql: Sql, points: readonly Point[]): Promise<Map<string, MlflowError>> {
  const runs = [...new Set(points.map(([run]) => run))];
  if (sql.dialect === 'postgres') {
    const [refused] = await together(
      () => refusedOf(sql, runs),
      () => putPoints(sql, points),
    );
    return refused;
  }
  const refused = await refusedOf(sql, runs);
  await writePoints(
    sql,
    points.filter(([run]) => !refused.has(run)),
  );
  return refused;
}

async function refusedOf(sql: Sql, runs: readonly string[]): Promise<Map<string, MlflowError>> {
  const stagesOf = 'SELECT run_uuid, lifecycle_stage FROM runs WHERE run_uuid';
  const rows = await (sql.dialect === 'postgres'
    ? sql.all(`${stagesOf} = ANY (CAST(? AS text[])) FOR NO KEY UPDATE NOWAIT`, arrayOf(runs))
    : sql.all(`${stagesOf} IN ${inList(sql, 'text')}`, listOf(runs)));
  const stages = new Map(rows.map((row) => [String(row['run_uuid']), row['lifecycle_stage']]));
  return new Map(
    runs.flatMap((run) => {
      const refusal = refusalOf(run, stages.get(run));
      return refusal === undefined ? [] : [[run, refusal]];
    }),
  );
}
