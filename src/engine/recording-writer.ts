import { pinTracked } from '../store/roots.ts';
import type { Store } from '../store/store.ts';
import type { ProgramRecording } from './program-recording.ts';
import type { RecordedArtifact } from './recorded-report.ts';
import type { Recording } from './recorder-port.ts';
import { recordingWrites } from './recording-writes.ts';
import { storeRecorded } from './store-recorded.ts';
import type { MetricWrite, TrackedRunWrite, TrackedStatus, Tracking } from './tracking-port.ts';

export interface RecordingTarget {
  readonly store: Store;
  readonly home: string;
  readonly tracking: () => Promise<Tracking>;
}

/** Writes what a program logs into tracking: while it runs, and all of it when it has ended. */
export class RecordingWriter {
  readonly #program: ProgramRecording;
  readonly #target: RecordingTarget;
  /** Points of metrics that are written. */
  readonly #sent = new Set<string>();
  #followed = '';

  constructor(program: ProgramRecording, target: RecordingTarget) {
    this.#program = program;
    this.#target = target;
  }

  /** Values of the run itself; the runs nested in it may still change. */
  async follow(recording: Recording): Promise<void> {
    const { params, metrics, tags } = recording.own;
    // Until then the program may still say which experiment the run belongs to.
    const said = tags.filter(({ key }) => !key.startsWith('mlflow.'));
    if (params.length + metrics.length + said.length === 0) return;
    // Nothing of these is ever taken back.
    const state = JSON.stringify([recording.name, params.length, metrics.length, tags]);
    if (state === this.#followed) return;
    await this.#write({ ...recording, nested: [] }, [], {});
    this.#followed = state;
  }

  /** Gives the names that the run has in the end. Moves the files that were logged. */
  async end(
    recording: Recording,
    status: TrackedStatus,
    endTime: number,
  ): Promise<{ name: string; experiment: string }> {
    const { store } = this.#target;
    const artifacts = await storeRecorded(store, recording);
    await store.blobs.settle();
    return this.#write(recording, artifacts, { status, endTime });
  }

  async #write(
    recording: Recording,
    artifacts: readonly RecordedArtifact[],
    end: Pick<TrackedRunWrite, 'status' | 'endTime'>,
  ): Promise<{ name: string; experiment: string }> {
    const { run: id, called, startTime, tags, ...said } = this.#program;
    const { store, home, tracking } = this.#target;
    const experiment = said.experiment ?? recording.experiment ?? said.fallbackExperiment;
    const name = said.name ?? recording.name ?? called;
    const writes = recordingWrites(recording, artifacts, { id, name, tags, startTime, ...end });
    const runs = writes.map((run) => ({
      ...run,
      metrics: (run.metrics ?? []).filter((metric) => !this.#sent.has(keyOf(run.id, metric))),
    }));
    await pinTracked(
      store,
      home,
      runs.flatMap((run) => run.artifacts ?? []),
    );
    await (await tracking()).write({ experiment, runs });
    for (const run of runs) for (const metric of run.metrics) this.#sent.add(keyOf(run.id, metric));
    return { name, experiment };
  }
}

function keyOf(run: string, { key, step, timestamp, value }: MetricWrite): string {
  return `${run}\0${key}\0${step}\0${timestamp}\0${value}`;
}
