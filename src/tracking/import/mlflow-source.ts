import type {
  SourceDataset,
  SourceExperiment,
  SourceLoggedModel,
  SourceMetric,
  SourceModel,
  SourceModelMetric,
  SourceRun,
  SourceTrace,
} from './source-records.ts';

/** An MLflow store that is read, never written. Lists come in pages, so that none is in memory whole. */
export interface MlflowSource extends AsyncDisposable {
  /** The revision of a database's schema, or that it is a folder. */
  readonly format: string;
  /** Folder that relative places of artifacts count from. */
  readonly base: string;
  /** How many runs there are. */
  runCount(): Promise<number>;
  experiments(): Promise<readonly SourceExperiment[]>;
  datasets(): AsyncIterable<readonly SourceDataset[]>;
  loggedModels(): AsyncIterable<readonly SourceLoggedModel[]>;
  /** In the order of their ids. */
  runs(): AsyncIterable<readonly SourceRun[]>;
  /** Every point of every metric of `runs`. */
  metrics(runs: readonly string[]): AsyncIterable<readonly SourceMetric[]>;
  modelMetrics(models: readonly string[]): AsyncIterable<readonly SourceModelMetric[]>;
  traces(): AsyncIterable<readonly SourceTrace[]>;
  models(): AsyncIterable<readonly SourceModel[]>;
  /** Tables with rows that this version has no place for, and how many. */
  leftOut(): Promise<readonly { readonly what: string; readonly count: number }[]>;
}
