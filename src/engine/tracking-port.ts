import type { Digest, Fingerprint } from '../core/ids.ts';
import type { OutputKind } from '../core/kinds.ts';

/**
 * MLflow's data model. `tracking/` implements it, and `test/conformance/describe-tracking.ts` says what each
 * implementation must do. Times are milliseconds since the Unix epoch.
 */
export interface Tracking {
  /**
   * Writes all of `batch` in one transaction, or nothing. Writing the same batch twice changes nothing.
   *
   * @throws RecipeError TRACKING_VALUE_INVALID, PARAM_CHANGED, TRACKED_RUN_DELETED
   */
  write(batch: TrackingBatch): Promise<void>;
  /** Number of the last event whose consequences were written, 0 if none; `run` is the parent's id. */
  cursor(run: string): Promise<number>;
  /** Those of `fingerprints` whose result no run of this server was the first to show. */
  unseen(fingerprints: readonly Fingerprint[]): Promise<ReadonlySet<Fingerprint>>;
  /** Ends as KILLED what is still RUNNING: the run, and the runs of its steps. */
  endOpen(run: string, at: number): Promise<void>;
  /**
   * A page of runs, newest first unless `sort` says otherwise.
   *
   * @throws RecipeError FILTER_INVALID, PAGE_TOKEN_INVALID
   */
  search(search: RunSearch): Promise<RunPage>;
  /** A run by its id, also one that is deleted. */
  read(id: string): Promise<TrackedRunDetails | undefined>;
  /** All values of a metric, by step, then time. */
  history(run: string, key: string): Promise<readonly MetricWrite[]>;
  /** Ids of runs whose id begins with `text`, whose name is `text`, or ends in it as a word; two at most. */
  idsLike(text: string): Promise<readonly string[]>;
  /** Every key that a run has. */
  keys(): Promise<TrackedKeys>;
  /** A deleted run is in no search unless it is asked for, and takes no writes. */
  remove(run: string, at: number): Promise<void>;
  restore(run: string): Promise<void>;
}

export interface TrackingBatch {
  /** Made if it is not there. */
  readonly experiment: string;
  readonly runs: readonly TrackedRunWrite[];
  /** Kept in the same transaction: what `cursor` then gives for `run`. */
  readonly cursor?: { readonly run: string; readonly seq: number };
}

/** What is new about one tracked run. Made by its first write; later ones add to it. */
export interface TrackedRunWrite {
  /** 32 lower-case hex digits, chosen by the writer, so that a replay finds the same run. */
  readonly id: string;
  readonly name?: string;
  readonly parent?: string;
  readonly status?: TrackedStatus;
  readonly startTime?: number;
  readonly endTime?: number;
  /** Never changed once written: another value is refused. */
  readonly params?: readonly KeyValue[];
  readonly metrics?: readonly MetricWrite[];
  /** The last one written stays. */
  readonly tags?: readonly KeyValue[];
  readonly datasets?: readonly DatasetWrite[];
  readonly artifacts?: readonly ArtifactWrite[];
  /** The result that this run is the first to show. */
  readonly result?: Fingerprint;
}

export type TrackedStatus = 'RUNNING' | 'FINISHED' | 'FAILED' | 'KILLED';

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

export interface MetricWrite {
  readonly key: string;
  /** May be NaN; an infinity is kept as the largest double. */
  readonly value: number;
  readonly step: number;
  readonly timestamp: number;
}

export interface DatasetWrite {
  readonly name: string;
  readonly digest: string;
  readonly sourceType: string;
  readonly source: string;
  /** JSON. */
  readonly schema?: string;
  /** JSON. */
  readonly profile?: string;
  /** MLflow's tag `mlflow.data.context`: training, validation, test. */
  readonly context?: string;
}

/** An output by its run-relative path; the digest of a folder is that of its tree. */
export interface ArtifactWrite {
  readonly path: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly kind: OutputKind;
  /** For good, whatever its kind. Not read back. */
  readonly kept?: true;
}

export interface RunSearch {
  /** MLflow's filter language. */
  readonly where?: string | undefined;
  /** `metrics.test_roc_auc DESC, start_time`. */
  readonly sort?: string | undefined;
  readonly limit: number;
  readonly pageToken?: string | undefined;
  /** Runs of steps too, not only whole runs. */
  readonly children: boolean;
  /** Default: active. */
  readonly lifecycle?: 'active' | 'deleted' | 'all' | undefined;
}

export interface RunPage {
  readonly runs: readonly TrackedRun[];
  /** Absent on the last page. */
  readonly nextPageToken?: string;
}

/** A tracked run as it is read back. */
export interface TrackedRun {
  readonly id: string;
  readonly name: string;
  readonly experiment: string;
  readonly user: string;
  readonly status: TrackedStatus;
  readonly lifecycle: 'active' | 'deleted';
  readonly startTime: number | null;
  readonly endTime: number | null;
  readonly params: Readonly<Record<string, string>>;
  /** Latest values: of the highest step, then time, then value. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly tags: Readonly<Record<string, string>>;
}

export interface TrackedRunDetails extends TrackedRun {
  readonly artifacts: readonly ArtifactWrite[];
  readonly datasets: readonly DatasetWrite[];
  /** Runs of its steps, in the order they started. */
  readonly children: readonly {
    readonly id: string;
    readonly name: string;
    readonly status: TrackedStatus;
  }[];
}

export interface TrackedKeys {
  readonly metrics: readonly string[];
  readonly params: readonly string[];
  readonly tags: readonly string[];
}
