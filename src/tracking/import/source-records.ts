import type { Lifecycle, ModelStatus, ModelVersion, RunStatus, Stage, Tag } from '../mlflow/messages.ts';
import type { Span } from '../mlflow/spans.ts';
import type { NewTrace } from '../mlflow/traces.ts';

/** What an MLflow store holds, in one shape for databases and folders. Times are milliseconds since the Unix epoch. */
export interface SourceExperiment {
  readonly id: string;
  readonly name: string;
  readonly location: string | undefined;
  readonly lifecycle: Lifecycle;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly tags: readonly Tag[];
}

export interface SourceDataset {
  readonly experimentId: string;
  readonly name: string;
  readonly digest: string;
  readonly sourceType: string;
  readonly source: string;
  readonly schema: string | undefined;
  readonly profile: string | undefined;
}

/** A point of a metric's history. */
export interface SourceMetric {
  readonly run: string;
  readonly key: string;
  /** May be NaN or infinite. */
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
}

export interface SourceModelMetric extends SourceMetric {
  readonly model: string;
  readonly datasetName: string;
  readonly datasetDigest: string;
}

export interface SourceInput {
  readonly dataset: Pick<SourceDataset, 'experimentId' | 'name' | 'digest'>;
  readonly tags: readonly Tag[];
}

export interface SourceRun {
  readonly id: string;
  readonly experimentId: string;
  readonly name: string;
  readonly status: RunStatus;
  readonly user: string;
  readonly startTime: number | undefined;
  readonly endTime: number | undefined;
  readonly lifecycle: Lifecycle;
  readonly deletedTime: number | undefined;
  readonly artifactUri: string;
  readonly params: readonly Tag[];
  readonly tags: readonly Tag[];
  readonly latest: readonly SourceMetric[];
  /** Points of all its metrics, if the store knows that without reading them. */
  readonly points: number | undefined;
  readonly inputs: readonly SourceInput[];
  readonly models: readonly {
    readonly role: 'input' | 'output';
    readonly model: string;
    readonly step: number;
  }[];
}

export interface SourceLoggedModel {
  readonly id: string;
  readonly experimentId: string;
  readonly name: string;
  readonly location: string;
  readonly status: ModelStatus;
  readonly modelType: string;
  readonly sourceRun: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly lifecycle: Lifecycle;
  readonly params: readonly Tag[];
  readonly tags: readonly Tag[];
}

/** A run, or a version of a prompt as `name/version`. */
export interface TraceLink {
  readonly kind: 'run' | 'prompt';
  readonly target: string;
}

export interface SourceTrace extends NewTrace {
  /** Those that the database keeps; none if they lie as a file among the artifacts. */
  readonly spans: readonly Span[];
  /** Beside the run that it was made in. */
  readonly links: readonly TraceLink[];
}

export interface SourceVersion {
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly description: string | undefined;
  readonly user: string;
  readonly stage: Stage;
  readonly isDeleted: boolean;
  readonly source: string;
  /** Where `source` led when the version was made, if the store noted it. */
  readonly storage: string | undefined;
  readonly runId: string | undefined;
  readonly status: ModelVersion['status'];
  readonly runLink: string | undefined;
  readonly tags: readonly Tag[];
}

export interface SourceModel {
  readonly name: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly description: string | undefined;
  readonly tags: readonly Tag[];
  readonly aliases: readonly { readonly alias: string; readonly version: number }[];
  readonly versions: readonly SourceVersion[];
}
