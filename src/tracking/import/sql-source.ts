import type { Reader } from '../../db/reader.ts';
import { Cells } from './cells.ts';
import type { Findings } from './findings.ts';
import type { MlflowSource } from './mlflow-source.ts';
import { readDatasets, readExperiments } from './sql-experiments.ts';
import { readLoggedModels, readModelMetrics } from './sql-logged-models.ts';
import { readModels } from './sql-models.ts';
import { readMetrics, readRuns } from './sql-runs.ts';
import { readTraces } from './sql-traces.ts';

/** What the readers of a database's tables share. */
export interface SqlTables {
  readonly reader: Reader;
  readonly cells: Cells;
  readonly findings: Findings;
}

export interface SqlSourceOptions {
  readonly reader: Reader;
  readonly findings: Findings;
  readonly revision: string;
  readonly base: string;
}

/** An MLflow database, of any revision in `REVISIONS`. */
export function sqlSource({ reader, findings, revision, base }: SqlSourceOptions): MlflowSource {
  const tables: SqlTables = { reader, findings, cells: new Cells(findings) };
  return {
    format: `database, revision ${revision}`,
    base,
    runCount: async () => Number((await reader.all('SELECT count(*) AS count FROM runs'))[0]?.['count'] ?? 0),
    experiments: () => readExperiments(tables),
    datasets: () => readDatasets(tables),
    loggedModels: () => readLoggedModels(tables),
    runs: () => readRuns(tables),
    metrics: (runs) => readMetrics(tables, runs),
    modelMetrics: (models) => readModelMetrics(tables, models),
    traces: () => readTraces(tables),
    models: () => readModels(tables),
    leftOut: async () => {
      const counts: { what: string; count: number }[] = [];
      for (const table of LEFT_OUT) {
        if ((await reader.columns(table)).size === 0) continue;
        const [row] = await reader.all(`SELECT count(*) AS count FROM ${table}`);
        const count = Number(row?.['count'] ?? 0);
        if (count > 0) counts.push({ what: table, count });
      }
      return counts;
    },
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  };
}

/** Tables of MLflow 3 that have no counterpart here. What is derived from others, or only serves MLflow's own work, is not among them. */
const LEFT_OUT = [
  'evaluation_datasets',
  'evaluation_dataset_records',
  'scorers',
  'webhooks',
  'secrets',
  'endpoints',
  'model_definitions',
  'issues',
  'label_schemas',
  'review_queues',
  'mcp_servers',
  'budget_policies',
  'guardrails',
] as const;
