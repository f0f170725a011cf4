import type { ReportEntry, RunEvent, RunFinished, StepCached, StepSucceeded } from '../core/events.ts';
import type { Digest, Fingerprint, StepId } from '../core/ids.ts';
import { nestedRuns } from './nested-runs.ts';
import { type TrackedPlan, type TrackedStep, trackedRunId } from './tracked-plan.ts';
import { artifactsOf, latest, type ReportLine, type TrackedReport, trackedReport } from './tracked-report.ts';
import { fitKey } from './tracking-limits.ts';
import type { MetricWrite, TrackedRunWrite, TrackedStatus } from './tracking-port.ts';

/** Cached steps get runs of their own only in a run that did something, and only so many. */
const MAX_CACHED_RUNS = 50;

/** What the end of a run needs to know beside its events. */
export interface EndOfRun {
  /** Fingerprints of cached steps whose result this tracking server has not seen before. */
  readonly unseen: ReadonlySet<Fingerprint>;
  /** Report of a result, for steps that were cached. */
  readonly reportOf: (fingerprint: Fingerprint) => readonly ReportEntry[];
  /** Stores bytes as a blob: `steps.json`. */
  readonly storeBytes: (bytes: string) => { readonly digest: Digest; readonly size: number };
}

/**
 * Turns a run's events into MLflow runs: a parent, and a child for each step that did something. A pure
 * fold: the same events give the same writes, whoever replays them.
 */
export class RunTracker {
  readonly #run: string;
  readonly #plan: TrackedPlan;
  readonly #byId: ReadonlyMap<StepId, TrackedStep>;
  readonly #reports = new Map<StepId, ReportLine[]>();
  readonly #startedAt = new Map<StepId, number>();
  readonly #cached = new Map<StepId, StepCached>();
  readonly #states = new Map<StepId, { state: string; fingerprint?: Fingerprint }>();
  /** What stands on the parent too, by the step that said it. */
  readonly #onParent = new Map<StepId, TrackedReport>();
  #startTime = 0;

  constructor(run: string, plan: TrackedPlan) {
    this.#run = run;
    this.#plan = plan;
    this.#byId = new Map(plan.steps.map((step) => [step.id, step]));
  }

  get hasExecuted(): boolean {
    return this.#startedAt.size > 0;
  }

  get cachedFingerprints(): Fingerprint[] {
    return [...this.#cached.values()].map(({ fingerprint }) => fingerprint);
  }

  /** What is to be written because of an event; of the last one `end` says it. */
  take(event: RunEvent): TrackedRunWrite[] {
    switch (event.type) {
      case 'run.started':
        this.#startTime = event.at;
        for (const step of event.steps) this.#states.set(step, { state: 'waiting' });
        for (const step of event.omitted) this.#states.set(step, { state: 'omitted' });
        return [];
      case 'step.started': {
        const isFirst = !this.hasExecuted;
        if (!this.#startedAt.has(event.step)) this.#startedAt.set(event.step, event.at);
        this.#reports.set(event.step, []);
        this.#cached.delete(event.step);
        this.#states.set(event.step, { state: 'running', fingerprint: event.fingerprint });
        return isFirst ? [this.parent] : [];
      }
      case 'step.report':
        if (event.entry.type !== 'progress')
          this.#reports.get(event.step)?.push({ entry: event.entry, at: event.at });
        return [];
      case 'step.succeeded':
        this.#states.set(event.step, { state: 'succeeded', fingerprint: event.fingerprint });
        return this.#finished(event);
      case 'step.cached':
        this.#states.set(event.step, { state: 'cached', fingerprint: event.fingerprint });
        this.#cached.set(event.step, event);
        return [];
      case 'step.failed':
      case 'step.cancelled': {
        const state = event.type.slice('step.'.length);
        this.#states.set(event.step, { ...this.#states.get(event.step), state });
        if (!this.#startedAt.has(event.step)) return [];
        return this.#ended(event.step, event.type === 'step.failed' ? 'FAILED' : 'KILLED', event.at);
      }
      case 'step.skipped':
        this.#states.set(event.step, { state: 'skipped' });
        return [];
      default:
        return [];
    }
  }

  /** The last writes: steps that were cut off, cached ones, the parent with all that stands on it. */
  end(event: RunFinished, options: EndOfRun): TrackedRunWrite[] {
    const cutOff = [...this.#states].filter(([, { state }]) => state === 'running').map(([step]) => step);
    for (const step of cutOff) this.#states.set(step, { ...this.#states.get(step), state: 'killed' });
    return [
      ...cutOff.flatMap((step) => this.#ended(step, 'KILLED', event.at)),
      ...this.#cachedRuns(options),
      this.#parentEnd(event, options),
    ];
  }

  /** The run itself as it begins. */
  get parent(): TrackedRunWrite {
    const { recipe, tags, steps } = this.#plan;
    const params = new Map(
      steps.flatMap(({ id, params: own }) =>
        own.map(({ key, value }) => [fitKey(`${id}.${key}`), value] as const),
      ),
    );
    return {
      id: trackedRunId(this.#run),
      name: `${recipe} ${this.#run}`,
      startTime: this.#startTime,
      params: [...params].map(([key, value]) => ({ key, value })),
      tags,
    };
  }

  #parentEnd({ outcome, at }: RunFinished, { storeBytes }: EndOfRun): TrackedRunWrite {
    const { parent } = this;
    const said = this.#plan.steps.flatMap(({ id }) => this.#onParent.get(id) ?? []);
    return {
      ...parent,
      status: outcome === 'succeeded' ? 'FINISHED' : outcome === 'failed' ? 'FAILED' : 'KILLED',
      endTime: at,
      metrics: this.#parentMetrics(),
      tags: [
        ...(parent.tags ?? []),
        ...said.flatMap(({ tags }) => tags.filter(({ key }) => key.startsWith('stockpot.'))),
      ],
      datasets: said.flatMap(({ datasets }) => datasets),
      artifacts: [
        {
          path: 'steps.json',
          ...storeBytes(JSON.stringify({ v: 1, steps: Object.fromEntries(this.#states) })),
          kind: 'file',
        },
      ],
    };
  }

  /** A metric that several steps report (the cells of a matrix) carries their names. */
  #parentMetrics(): MetricWrite[] {
    const steps = this.#plan.steps.filter(
      ({ id, onParent }) => this.#onParent.has(id) && onParent !== 'never',
    );
    const metricsOf = (id: StepId): readonly MetricWrite[] => this.#onParent.get(id)?.metrics ?? [];
    const reporters = new Map<string, Set<StepId>>();
    for (const { id } of steps)
      for (const { key } of metricsOf(id)) reporters.set(key, (reporters.get(key) ?? new Set()).add(id));
    return steps.flatMap(({ id }) =>
      metricsOf(id).map((metric) =>
        (reporters.get(metric.key)?.size ?? 0) > 1
          ? { ...metric, key: fitKey(`${id}.${metric.key}`) }
          : metric,
      ),
    );
  }

  #head(step: TrackedStep): TrackedRunWrite {
    return {
      id: trackedRunId(this.#run, step.id),
      name: step.id,
      parent: trackedRunId(this.#run),
      startTime: this.#startedAt.get(step.id) ?? this.#startTime,
      params: step.params,
      tags: [...this.#plan.tags, { key: 'mlflow.pipeline.step.name', value: step.id }],
    };
  }

  #finished({ step: id, fingerprint, outputs, published, at }: StepSucceeded): TrackedRunWrite[] {
    const step = this.#step(id);
    const lines = this.#reports.get(id) ?? [];
    const report = trackedReport(lines, step);
    this.#reports.delete(id);
    this.#onParent.set(id, report);
    return [
      {
        ...this.#full(step, fingerprint, report),
        status: 'FINISHED',
        endTime: at,
        artifacts: artifactsOf(outputs, step, report),
        ...(published ? { result: fingerprint } : {}),
      },
      ...this.#nested(step, lines),
    ];
  }

  #nested(step: TrackedStep, lines: readonly ReportLine[]): TrackedRunWrite[] {
    return nestedRuns(lines, step, { id: trackedRunId(this.#run, step.id), tags: this.#plan.tags });
  }

  /** A step without a result: what it said until then stays. */
  #ended(id: StepId, status: TrackedStatus, endTime: number): TrackedRunWrite[] {
    const step = this.#step(id);
    const lines = this.#reports.get(id) ?? [];
    const report = trackedReport(lines, step);
    const head = this.#head(step);
    return [
      { ...head, ...report, tags: [...(head.tags ?? []), ...report.tags], status, endTime },
      ...this.#nested(step, lines),
    ];
  }

  #full(step: TrackedStep, fingerprint: Fingerprint, report: TrackedReport): TrackedRunWrite {
    const head = this.#head(step);
    const tag = { key: 'stockpot.fingerprint', value: fingerprint };
    return { ...head, ...report, tags: [...(head.tags ?? []), ...report.tags, tag] };
  }

  /** A child with everything for a result never seen here; else a light one, if the run did something. */
  #cachedRuns({ unseen, reportOf }: EndOfRun): TrackedRunWrite[] {
    const isFew = this.#cached.size <= MAX_CACHED_RUNS;
    return [...this.#cached.values()].flatMap(({ step: id, fingerprint, outputs, at }) => {
      const step = this.#step(id);
      const isNew = unseen.has(fingerprint);
      if (!isNew && !isFew && step.onParent !== 'always') return [];
      const lines = reportOf(fingerprint).map((entry) => ({ entry, at }));
      const report = trackedReport(lines, step);
      const light = { ...report, metrics: latest(report.metrics) };
      this.#onParent.set(id, isNew ? report : light);
      if (!isNew && (!isFew || !this.hasExecuted)) return [];
      const run = this.#full(step, fingerprint, isNew ? report : { ...light, datasets: [], artifacts: [] });
      return [
        {
          ...run,
          status: 'FINISHED' as const,
          startTime: at,
          endTime: at,
          tags: [...(run.tags ?? []), { key: 'stockpot.cached', value: 'true' }],
          ...(isNew ? { artifacts: artifactsOf(outputs, step, report), result: fingerprint } : {}),
        },
        ...(isNew ? this.#nested(step, lines) : []),
      ];
    });
  }

  #step(id: StepId): TrackedStep {
    const found = this.#byId.get(id);
    if (found === undefined) throw new Error(`Internal error: no step ${id} in the tracked plan`);
    return found;
  }
}
