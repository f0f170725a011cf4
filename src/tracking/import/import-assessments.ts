import type { Sql } from '../../db/sql.ts';
import {
  ASSESSMENT_COLUMNS,
  INSERT_ASSESSMENTS,
  type NewAssessment,
  rowOfAssessment,
} from '../mlflow/assessments.ts';
import { inList, listOf } from '../mlflow/in-list.ts';
import type { ImportTarget, Tally } from './import-target.ts';
import type { SourceTrace } from './source-records.ts';

interface Assessed {
  readonly traceId: string;
  readonly assessment: NewAssessment;
}

/** Those of some traces that are not here yet. All are counted; one that is another here is named, and stays. */
export async function newAssessments(
  { database, findings }: ImportTarget,
  tally: Tally,
  traces: readonly SourceTrace[],
): Promise<readonly Assessed[]> {
  const all = traces.flatMap(({ id: traceId, assessments = [] }) =>
    assessments.map((assessment) => ({ traceId, assessment })),
  );
  if (all.length === 0) return [];
  const rows = await database.read((sql) =>
    sql.all(
      `SELECT * FROM assessments WHERE assessment_id IN ${inList(sql, 'text')}`,
      listOf(all.map(({ assessment }) => assessment.id)),
    ),
  );
  const here = new Map(rows.map((row) => [row['assessment_id'], row]));
  return all.filter(({ traceId, assessment }) => {
    const row = here.get(assessment.id);
    if (row === undefined) {
      tally.imported += 1;
      return true;
    }
    const theirs = rowOfAssessment(traceId, assessment);
    // Whether it is valid follows from those that stand in for it.
    const isSame = ASSESSMENT_COLUMNS.every(
      (column, index) => column === 'valid' || row[column] === theirs[index],
    );
    tally[isSame ? 'there' : 'conflicts'] += 1;
    if (!isSame)
      findings.add(
        'conflict',
        'an assessment of the same id is another here',
        `${assessment.id} of the trace ${traceId}`,
      );
    return false;
  });
}

/** One that is here does not count any more once another comes in its stead. */
export async function addAssessments(sql: Sql, added: readonly Assessed[]): Promise<void> {
  await sql.runMany(
    `${INSERT_ASSESSMENTS} ON CONFLICT DO NOTHING`,
    added.map(({ traceId, assessment }) => rowOfAssessment(traceId, assessment)),
  );
  const overridden = added.filter(({ assessment }) => assessment.overrides !== undefined);
  if (overridden.length === 0) return;
  const some = inList(sql, 'text');
  await sql.run(
    `UPDATE assessments SET valid = 0 WHERE assessment_id IN ${some} AND trace_id IN ${some}`,
    listOf(overridden.map(({ assessment }) => assessment.overrides ?? '')),
    listOf(overridden.map(({ traceId }) => traceId)),
  );
}
