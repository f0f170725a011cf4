import { checkKey } from '../tracking/mlflow/check.ts';
import { metricHistories, sampledHistories } from '../tracking/mlflow/metric-histories.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { searchDatasets } from '../tracking/mlflow/search-datasets.ts';
import { DATASET_SUMMARY, POINT_OF_RUN } from './answers/run-parts.ts';
import { listOf } from './answers/shape.ts';
import { integer, message, otherwise, repeated, required, text } from './message.ts';
import { on } from './policy.ts';
import { type Route, route } from './route.ts';
import { experiments, runs } from './things.ts';

/** MLflow's limits. */
const MAX_RUNS = 100;
const MAX_POINTS = 25_000;
const MAX_STEPS = 2500;

/** What pages that compare runs ask for. */
export const COMPARISON_ROUTES: readonly Route[] = [
  route(
    'GET',
    '/mlflow/metrics/get-history-bulk',
    'getMetricHistoryBulk',
    on('READ', async (sql, { run_id }: { run_id: readonly string[] }) => runs(sql, run_id)),
    message({
      run_id: repeated(text()),
      metric_key: required(text()),
      max_results: otherwise(integer(), MAX_POINTS),
    }),
    { metrics: listOf(POINT_OF_RUN) },
    async ({ database }, { run_id, metric_key, max_results }) => {
      checkRuns('GetMetricHistoryBulk', 'run_id', run_id);
      checkKey('metric', metric_key);
      if (max_results < 0)
        throw invalid(`Invalid value ${max_results} for parameter 'max_results' supplied: it is below 0.`);
      const limit = Math.min(max_results, MAX_POINTS);
      return { metrics: await database.read((sql) => metricHistories(sql, run_id, metric_key, limit)) };
    },
  ),
  route(
    'GET',
    '/mlflow/metrics/get-history-bulk-interval',
    'getMetricHistoryBulkInterval',
    on('READ', async (sql, { run_ids }: { run_ids: readonly string[] }) => runs(sql, run_ids)),
    message({
      run_ids: repeated(text()),
      metric_key: required(text()),
      start_step: integer(),
      end_step: integer(),
      max_results: otherwise(integer(), MAX_STEPS),
    }),
    { metrics: listOf(POINT_OF_RUN) },
    async ({ database }, { run_ids, metric_key, start_step, end_step, max_results: steps }) => {
      checkRuns('GetMetricHistoryBulkInterval', 'run_ids', run_ids);
      checkKey('metric', metric_key);
      if (steps < 1 || steps > MAX_STEPS)
        throw invalid(
          `Invalid value ${steps} for parameter 'max_results' supplied: it must be from 1 to ${MAX_STEPS}.`,
        );
      const interval = intervalOf(start_step, end_step);
      return {
        metrics: await database.read((sql) =>
          sampledHistories(sql, run_ids, metric_key, { interval, steps }),
        ),
      };
    },
  ),
  route(
    'POST',
    '/mlflow/experiments/search-datasets',
    'searchDatasets',
    on('READ', experiments),
    message({ experiment_ids: repeated(text()) }),
    { dataset_summaries: listOf(DATASET_SUMMARY) },
    async ({ database }, { experiment_ids }) => ({
      dataset_summaries: await database.read((sql) => searchDatasets(sql, experiment_ids)),
    }),
  ),
];

function checkRuns(call: string, parameter: string, ids: readonly string[]): void {
  if (ids.length === 0) throw invalid(`${call} request must specify at least one ${parameter}.`);
  if (ids.length > MAX_RUNS)
    throw invalid(
      `${call} request cannot specify more than ${MAX_RUNS} run_ids. Received ${ids.length} run_ids.`,
    );
}

function intervalOf(
  first: number | undefined,
  last: number | undefined,
): readonly [number, number] | undefined {
  if (first === undefined && last === undefined) return undefined;
  if (first === undefined || last === undefined)
    throw invalid('If either start step or end step are specified, both must be specified.');
  if (first > last)
    throw invalid(
      `end_step must be greater than start_step. Found start_step=${first} and end_step=${last}.`,
    );
  return [first, last];
}
