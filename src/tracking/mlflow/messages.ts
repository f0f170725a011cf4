/**
 * MLflow's messages as they go over the wire (its `service.proto` and `model_registry.proto`, 2.22): names
 * are MLflow's, times milliseconds since the Unix epoch, what is not set is absent.
 */
export interface Tag {
  readonly key: string;
  readonly value: string;
}

export type Param = Tag;

export interface Metric {
  readonly key: string;
  /** NaN, and infinities as the largest double, as MLflow stores them. */
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
}

/** A metric as clients of 3.x log it: of a logged model, on a data set. */
export interface NewMetric extends Metric {
  readonly model_id?: string | undefined;
  readonly dataset_name?: string | undefined;
  readonly dataset_digest?: string | undefined;
}

export type Lifecycle = 'active' | 'deleted';
export type ViewType = 'ACTIVE_ONLY' | 'DELETED_ONLY' | 'ALL';
export const RUN_STATUSES = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

export interface Experiment {
  readonly experiment_id: string;
  readonly name: string;
  readonly artifact_location: string;
  readonly lifecycle_stage: Lifecycle;
  readonly last_update_time: number;
  readonly creation_time: number;
  readonly tags: readonly Tag[];
}

export interface RunInfo {
  readonly run_id: string;
  readonly run_uuid: string;
  readonly run_name: string;
  readonly experiment_id: string;
  readonly user_id: string;
  readonly status: RunStatus;
  readonly start_time?: number;
  readonly end_time?: number;
  readonly artifact_uri: string;
  readonly lifecycle_stage: Lifecycle;
}

export interface Dataset {
  readonly name: string;
  readonly digest: string;
  readonly source_type: string;
  readonly source: string;
  readonly schema?: string;
  readonly profile?: string;
}

export interface DatasetInput {
  readonly tags: readonly Tag[];
  readonly dataset: Dataset;
}

export interface Run {
  readonly info: RunInfo;
  readonly data: {
    readonly metrics: readonly Metric[];
    readonly params: readonly Param[];
    readonly tags: readonly Tag[];
  };
  readonly inputs: {
    readonly dataset_inputs: readonly DatasetInput[];
    /** Absent if there are none, as clients of 2.x know none. */
    readonly model_inputs?: readonly { readonly model_id: string }[];
  };
  readonly outputs?: { readonly model_outputs: readonly ModelOutput[] };
}

export interface ModelOutput {
  readonly model_id: string;
  readonly step: number;
}

export const MODEL_STATUSES = [
  'LOGGED_MODEL_PENDING',
  'LOGGED_MODEL_READY',
  'LOGGED_MODEL_UPLOAD_FAILED',
] as const;
export type ModelStatus = (typeof MODEL_STATUSES)[number];

/** A model that clients of 3.x log: it has an id and a place of its own, beside those of its run. */
export interface LoggedModel {
  readonly info: {
    /** `m-` and 32 lower-case hex digits. */
    readonly model_id: string;
    readonly experiment_id: string;
    readonly name: string;
    readonly creation_timestamp_ms: number;
    readonly last_updated_timestamp_ms: number;
    readonly artifact_uri: string;
    readonly status: ModelStatus;
    readonly model_type: string;
    readonly source_run_id: string;
    readonly tags: readonly Tag[];
  };
  readonly data: {
    readonly params: readonly Param[];
    readonly metrics: readonly (NewMetric & { readonly run_id: string })[];
  };
}

export const STAGES = ['None', 'Staging', 'Production', 'Archived'] as const;
export type Stage = (typeof STAGES)[number];

export interface ModelVersion {
  readonly name: string;
  /** A whole number from 1, as text. */
  readonly version: string;
  readonly creation_timestamp: number;
  readonly last_updated_timestamp: number;
  readonly user_id: string;
  readonly current_stage: Stage;
  readonly description: string;
  readonly source: string;
  readonly run_id: string;
  readonly status: 'READY' | 'PENDING_REGISTRATION' | 'FAILED_REGISTRATION';
  readonly tags: readonly Tag[];
  readonly run_link: string;
  readonly aliases: readonly string[];
}

export interface RegisteredModel {
  readonly name: string;
  readonly creation_timestamp: number;
  readonly last_updated_timestamp: number;
  readonly user_id: string;
  readonly description: string;
  /** The newest version of each stage. */
  readonly latest_versions: readonly ModelVersion[];
  readonly tags: readonly Tag[];
  readonly aliases: readonly { readonly alias: string; readonly version: string }[];
}
