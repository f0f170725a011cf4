import type { Finding, Findings } from './findings.ts';
import { importDatasets } from './import-datasets.ts';
import { importExperiments, type MappedExperiment } from './import-experiments.ts';
import { importLoggedModels, importModelMetrics } from './import-logged-models.ts';
import { importModels } from './import-models.ts';
import { importRuns } from './import-runs.ts';
import type { ImportTarget, Tally } from './import-target.ts';
import { importTraces } from './import-traces.ts';
import type { MlflowSource } from './mlflow-source.ts';

/** What an import did, or would do. */
export interface ImportReport {
  readonly format: string;
  readonly isDryRun: boolean;
  readonly experiments: Tally;
  readonly runs: Tally;
  readonly loggedModels: Tally;
  readonly traces: Tally;
  readonly assessments: Tally;
  readonly registeredModels: Tally;
  readonly versions: Tally;
  readonly datasets: number;
  /** Points of metrics that were written. */
  readonly metrics: number;
  /** Files that were copied. */
  readonly files: number;
  /** Experiments that have another number here. */
  readonly mapped: readonly MappedExperiment[];
  readonly findings: readonly Finding[];
  /** What the source has and this version has no place for. */
  readonly leftOut: readonly { readonly what: string; readonly count: number }[];
}

export interface ImportRequest extends Omit<ImportTarget, 'places'> {
  readonly source: MlflowSource;
  readonly findings: Findings;
  readonly onProgress: (done: number, of: number) => void;
}

/**
 * Brings what an MLflow store holds into the tracking database. Nothing that is there is changed, so the same
 * again goes on where an earlier import ended, and does nothing after one that was whole.
 */
export async function importMlflow(request: ImportRequest): Promise<ImportReport> {
  const { source, findings, onProgress } = request;
  const { tally: experiments, places, mapped } = await importExperiments(request, await source.experiments());
  const target: ImportTarget = { ...request, places };
  const datasets = await importDatasets(target, source);
  const logged = await importLoggedModels(target, source);
  const total = await source.runCount();
  const runs = await importRuns(target, source, (done) => onProgress(done, total));
  await importModelMetrics(target, source);
  const traces = await importTraces(target, source);
  const { models, versions } = await importModels(target, source);
  return {
    format: source.format,
    isDryRun: request.isDryRun,
    experiments,
    runs: runs.tally,
    loggedModels: logged.tally,
    traces: traces.tally,
    assessments: traces.assessments,
    registeredModels: models,
    versions,
    datasets,
    metrics: runs.metrics,
    files: logged.files + runs.files + traces.files,
    mapped,
    findings: findings.list(),
    leftOut: await source.leftOut(),
  };
}
