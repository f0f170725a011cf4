import { hash } from 'node:crypto';
import type { Outputs, ReportEntry, RunEvent, StepCached, StepSucceeded } from '../core/events.ts';
import type { Digest, StepId } from '../core/ids.ts';
import type { Json, JsonObject } from '../core/json.ts';
import { isJsonObject } from '../core/json.ts';
import type { Plan, PlanStep } from '../core/plan.ts';
import type { TrackedRunWrite, Tracking } from './ports.ts';

/** Cached steps get runs of their own only in a run that did something, and only so many. */
const MAX_CACHED_RUNS = 50;

const GATHER_MS = 250;

export interface TrackingSubject {
  readonly plan: Plan;
  readonly run: string;
  readonly experiment: string;
  readonly tags: readonly { readonly key: string; readonly value: string }[];
  /** Report of a result, for steps that were cached. */
  readonly reportOf: (fingerprint: StepCached['fingerprint']) => readonly ReportEntry[];
  /** Stores bytes as a blob: `steps.json`. */
  readonly storeBytes: (bytes: string) => { readonly digest: Digest; readonly size: number };
  /** Told of what could not be written; the run goes on. */
  readonly onFailure: (error: Error) => void;
}

/** Id of the tracked run of a run, or of one of its steps: the same each time it is asked. */
export function trackedRunId(run: string, step?: StepId): string {
  return hash('sha256', step === undefined ? run : `${run}\0${step}`, 'hex').slice(0, 32);
}

/** Writes a run's events as MLflow runs: a parent, and a child for each step that did something. */
export class TrackingSubscriber {
  readonly #tracking: Tracking;
  readonly #subject: TrackingSubject;
  readonly #byId: ReadonlyMap<StepId, PlanStep>;
  readonly #reports = new Map<StepId, { entry: ReportEntry; at: number }[]>();
  readonly #startedAt = new Map<StepId, number>();
  readonly #cached: StepCached[] = [];
  readonly #states = new Map<StepId, string>();
  readonly #parentMetrics = new Map<string, { value: number; at: number }>();
  readonly #parentTags = new Map<string, string>();
  #executed = 0;
  #parentStarted = 0;
  readonly #pending: TrackedRunWrite[] = [];
  #writtenAt = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(tracking: Tracking, subject: TrackingSubject) {
    this.#tracking = tracking;
    this.#subject = subject;
    this.#byId = new Map(subject.plan.steps.map((step) => [step.id, step]));
  }

  readonly take = (event: RunEvent): void => {
    switch (event.type) {
      case 'run.started':
        this.#parentStarted = event.at;
        return;
      case 'step.started':
        if (this.#executed === 0) this.#write([this.#parent()], event.at);
        this.#executed += 1;
        this.#startedAt.set(event.step, event.at);
        this.#reports.set(event.step, []);
        return;
      case 'step.report':
        if (event.entry.type !== 'progress')
          this.#reports.get(event.step)?.push({ entry: event.entry, at: event.at });
        return;
      case 'step.succeeded':
        this.#states.set(event.step, 'succeeded');
        this.#write([this.#child(event, this.#reports.get(event.step) ?? [])], event.at);
        this.#reports.delete(event.step);
        return;
      case 'step.cached':
        this.#states.set(event.step, 'cached');
        this.#cached.push(event);
        return;
      case 'step.failed':
      case 'step.cancelled':
        this.#states.set(event.step, event.type.slice('step.'.length));
        if (this.#startedAt.has(event.step))
          this.#write(
            [
              {
                ...this.#head(event.step),
                status: event.type === 'step.failed' ? 'FAILED' : 'KILLED',
                endTime: event.at,
              },
            ],
            event.at,
          );
        return;
      case 'step.skipped':
        this.#states.set(event.step, 'skipped');
        return;
      case 'run.finished': {
        const status =
          event.outcome === 'succeeded' ? 'FINISHED' : event.outcome === 'failed' ? 'FAILED' : 'KILLED';
        this.#pending.push(...this.#cachedRuns(), this.#parentEnd(status, event.at));
        this.#flush(event.at);
        return;
      }
      default:
    }
  };

  /** Resolves once everything is written, or was given up. */
  async settled(): Promise<void> {
    await this.#last;
  }

  /** Writes are gathered for a moment: a transaction that is synced costs more than a small step. */
  #write(runs: readonly TrackedRunWrite[], at: number): void {
    this.#pending.push(...runs);
    if (at - this.#writtenAt >= GATHER_MS) this.#flush(at);
  }

  #flush(at: number): void {
    const { experiment, onFailure } = this.#subject;
    const runs = this.#pending.splice(0);
    this.#writtenAt = at;
    this.#last = this.#last
      .then(() => this.#tracking.write({ experiment, runs }))
      .catch((error: unknown) => onFailure(error instanceof Error ? error : new Error(String(error))));
  }

  #parent(): TrackedRunWrite {
    const { run, plan, tags } = this.#subject;
    return { id: trackedRunId(run), name: `${plan.recipe} ${run}`, startTime: this.#parentStarted, tags };
  }

  #parentEnd(status: 'FINISHED' | 'FAILED' | 'KILLED', endTime: number): TrackedRunWrite {
    const { plan, storeBytes } = this.#subject;
    const steps = storeBytes(JSON.stringify(Object.fromEntries(this.#states)));
    return {
      ...this.#parent(),
      status,
      endTime,
      params: plan.steps.flatMap((step) =>
        flatten(step.config).map(([key, value]) => ({ key: `${step.id}.${key}`, value })),
      ),
      metrics: [...this.#parentMetrics].map(([key, { value, at }]) => ({
        key,
        value,
        step: 0,
        timestamp: at,
      })),
      tags: [...this.#subject.tags, ...[...this.#parentTags].map(([key, value]) => ({ key, value }))],
      artifacts: [{ path: 'steps.json', ...steps, kind: 'file' }],
    };
  }

  #child(event: StepSucceeded, report: readonly { entry: ReportEntry; at: number }[]): TrackedRunWrite {
    this.#toParent(event.step, report);
    return {
      ...this.#head(event.step),
      ...contentsOf(report),
      status: 'FINISHED',
      endTime: event.at,
      artifacts: artifactsOf(event.outputs, this.#byId.get(event.step)),
    };
  }

  #head(id: StepId): TrackedRunWrite {
    const { run, tags } = this.#subject;
    const step = this.#byId.get(id);
    return {
      id: trackedRunId(run, id),
      name: id,
      parent: trackedRunId(run),
      startTime: this.#startedAt.get(id) ?? this.#parentStarted,
      params: flatten(step?.config ?? {}).map(([key, value]) => ({ key, value })),
      tags: [...tags, { key: 'mlflow.pipeline.step.name', value: id }],
    };
  }

  /** What evaluate and train report stands on the parent too: by it runs are compared. */
  #toParent(step: StepId, report: readonly { entry: ReportEntry; at: number }[]): void {
    const action = this.#byId.get(step)?.action;
    const isMain =
      action?.kind !== 'shipped' || action.component === 'train' || action.component === 'evaluate';
    for (const { entry, at } of report) {
      if (entry.type === 'metric' && isMain) this.#parentMetrics.set(entry.key, { value: entry.value, at });
      if (entry.type === 'tag' && entry.key.startsWith('stockpot.'))
        this.#parentTags.set(entry.key, entry.value);
    }
  }

  #cachedRuns(): TrackedRunWrite[] {
    const few = this.#cached.length <= MAX_CACHED_RUNS;
    if (!few) return [];
    return this.#cached.flatMap((event) => {
      const report = this.#subject.reportOf(event.fingerprint).map((entry) => ({ entry, at: event.at }));
      this.#toParent(event.step, report);
      if (this.#executed === 0) return [];
      const { metrics = [], tags = [] } = contentsOf(report);
      const last = new Map(metrics.map((metric) => [metric.key, metric]));
      const head = this.#head(event.step);
      return [
        {
          ...head,
          status: 'FINISHED' as const,
          startTime: event.at,
          endTime: event.at,
          metrics: [...last.values()],
          tags: [...(head.tags ?? []), ...tags, { key: 'stockpot.cached', value: 'true' }],
        },
      ];
    });
  }
}

function contentsOf(
  report: readonly { entry: ReportEntry; at: number }[],
): Pick<TrackedRunWrite, 'params' | 'metrics' | 'tags' | 'datasets'> {
  const of = <T extends ReportEntry['type']>(type: T): { entry: ReportEntry & { type: T }; at: number }[] =>
    report.filter(
      (line): line is { entry: ReportEntry & { type: T }; at: number } => line.entry.type === type,
    );
  return {
    metrics: of('metric').map(({ entry, at }) => ({
      key: entry.key,
      value: entry.value,
      step: entry.step ?? 0,
      timestamp: entry.at ?? at,
    })),
    tags: of('tag').map(({ entry }) => ({ key: entry.key, value: entry.value })),
    datasets: of('dataset').map(({ entry }) => ({
      name: entry.name,
      digest: entry.digest,
      sourceType: 'local',
      source: JSON.stringify({ uri: entry.source }),
      ...(entry.schema === undefined ? {} : { schema: JSON.stringify(entry.schema) }),
      ...(entry.profile === undefined ? {} : { profile: JSON.stringify(entry.profile) }),
      ...(entry.context === undefined ? {} : { context: entry.context }),
    })),
  };
}

function artifactsOf(
  outputs: Outputs,
  step: PlanStep | undefined,
): NonNullable<TrackedRunWrite['artifacts']> {
  return Object.entries(outputs).map(([name, { digest, size, kind }]) => ({
    path: step?.outputs[name]?.path ?? name,
    digest,
    size,
    kind,
  }));
}

/** Dotted keys and text values, as parameters are in MLflow. */
function flatten(config: JsonObject, prefix = ''): [string, string][] {
  return Object.entries(config).flatMap(([key, value]): [string, string][] => {
    const name = prefix + key;
    return isJsonObject(value) ? flatten(value, `${name}.`) : [[name, text(value)]];
  });
}

function text(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
