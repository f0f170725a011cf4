import type { Digest } from '../core/ids.ts';
import type { DatasetWrite, KeyValue, MetricWrite } from './tracking-port.ts';

/**
 * MLflow's API for a moment and for one program: what the program logs there is kept until it is read.
 * `server/` implements it.
 */
export interface Recorder extends AsyncDisposable {
  /** Variables that lead MLflow's clients here, and to the run. */
  readonly env: Readonly<Record<string, string>>;
  /** Opens the API; a secret. */
  readonly token: string;
  /** What was logged until now. */
  read(): Promise<Recording>;
}

export interface RecorderRequest {
  /** Id of the run that is recorded: 32 lower-case hex digits. */
  readonly run: string;
  /** Name of the run. */
  readonly name: string;
  /** Name of the experiment, whichever one the program asks for. */
  readonly experiment: string;
  /** An empty folder; files that are logged lie there until their owner moves them. */
  readonly dir: string;
  /** What a program that registers a model is told to do instead, as a sentence. */
  readonly insteadOfRegistering: string;
  /** What met a request that is a bug of ours. */
  readonly onBug: (error: Error, request: string) => void;
}

export type OpenRecorder = (request: RecorderRequest) => Promise<Recorder>;

/** All that a program logged. */
export interface Recording {
  readonly own: RecordedRun;
  /** Name that the program gave the run. */
  readonly name?: string;
  /** Name of the experiment that the program asked for last. */
  readonly experiment?: string;
  readonly nested: readonly NestedRun[];
  /** What was logged but is kept nowhere. */
  readonly warnings: readonly string[];
}

export interface RecordedRun {
  readonly params: readonly KeyValue[];
  readonly metrics: readonly MetricWrite[];
  /** Without those that say who logs, and from where. */
  readonly tags: readonly KeyValue[];
  readonly datasets: readonly DatasetWrite[];
  readonly files: readonly RecordedFile[];
}

/** A run that the program began beside its own: a trial of a search, say. */
export interface NestedRun extends RecordedRun {
  /** Its place among what the program made: `1`, `2` … */
  readonly number: string;
  readonly name: string;
  readonly status: 'FINISHED' | 'FAILED' | 'KILLED';
  /** Number of the run that it is below; absent if that is the program's own. */
  readonly parent?: string;
  readonly startTime?: number;
  readonly endTime?: number;
}

export interface RecordedFile {
  /** Below the run's artifacts, with `/`. */
  readonly path: string;
  /** Where its bytes lie, with those of any file that is the same: whoever keeps them moves them from there. */
  readonly file: string;
  readonly digest: Digest;
  readonly size: number;
}
