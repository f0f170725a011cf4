import type { Sql } from '../../db/sql.ts';
import { experimentNumber } from './check.ts';
import { inList, listOf } from './in-list.ts';
import { invalid } from './mlflow-error.ts';

/** A data set that runs of an experiment read, once for each use. */
export interface DatasetSummary {
  readonly experiment_id: string;
  readonly name: string;
  readonly digest: string;
  readonly context?: string;
}

const MAX_EXPERIMENTS = 20;
const MAX_SUMMARIES = 1000;

export async function searchDatasets(sql: Sql, experiments: readonly string[]): Promise<DatasetSummary[]> {
  if (experiments.length === 0)
    throw invalid('SearchDatasets request must specify at least one experiment_id.');
  if (experiments.length > MAX_EXPERIMENTS)
    throw invalid(
      `SearchDatasets request cannot specify more than ${MAX_EXPERIMENTS} experiment_ids. Received ${experiments.length} experiment_ids.`,
    );
  const rows = await sql.all(
    `SELECT DISTINCT d.experiment_id, d.name, d.digest, i.context FROM datasets d JOIN inputs i ON i.dataset_uuid = d.dataset_uuid
     WHERE d.experiment_id IN ${inList(sql, 'integer')} ORDER BY d.experiment_id, d.name, d.digest, i.context LIMIT ?`,
    listOf(experiments.flatMap((id) => experimentNumber(id) ?? [])),
    MAX_SUMMARIES,
  );
  return rows.map((row) => ({
    experiment_id: String(row['experiment_id']),
    name: String(row['name']),
    digest: String(row['digest']),
    ...(row['context'] === '' ? {} : { context: String(row['context']) }),
  }));
}
