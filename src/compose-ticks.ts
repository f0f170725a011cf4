import type { Surroundings } from './compose-home.ts';
import type { AppliedSettings, Schedules } from './compose-schedules.ts';
import { inSnapshot, type SnapshotRun } from './compose-snapshot.ts';
import type { Digest } from './core/ids.ts';
import { outsideDigest } from './engine/outside-digest.ts';
import { collectVerdicts, readVerdict } from './engine/verdicts.ts';
import type { Schedule } from './ledger/schedules.ts';
import { lastSeen, nameRun, type Tick, type TickEnd } from './ledger/ticks.ts';
import { collectFailure, type TickReport } from './schedule/tick-report.ts';

/** Below the home: what ticks run. */
export const TICKS_FOLDER = 'schedules';
/** The verdict that leaves a champion in place. */
const REJECTED = 'REJECTED';

export interface TickRun {
  readonly schedule: Schedule;
  readonly tick: Tick;
  /** What there is to tell of it, as it becomes known. */
  readonly report: TickReport;
  /** Aborts when the run is to stop. */
  readonly signal: AbortSignal;
}

/** Runs the snapshot of a tick's schedule, unless nothing that it looks at has changed. */
export async function runTick(
  schedules: Pick<Schedules, 'ledger' | 'project'>,
  surroundings: Surroundings,
  onWarning: (message: string) => void,
  { schedule, tick, report, signal }: TickRun,
): Promise<TickEnd> {
  const { project, ledger } = schedules;
  const { clock } = surroundings.world;
  const { applied } = schedule.settings as AppliedSettings;
  const run = surroundings.world.newRunId();
  const asked: SnapshotRun = {
    host: project,
    projectDir: project.dir,
    isHere: true,
    folder: TICKS_FOLDER,
    snapshot: schedule.snapshot,
    run,
    applied,
    at: tick.nominal,
  };
  return inSnapshot(asked, surroundings, async (copy, plan) => {
    const { onlyIfChanged } = schedule.settings;
    const seen =
      onlyIfChanged.length === 0
        ? undefined
        : `${schedule.snapshot} ${await outsideDigest(plan, onlyIfChanged, {
            store: copy.store,
            projectDir: copy.dir,
            references: copy.references(false),
          })}`;
    const isAsked = tick.cause === 'request' || tick.cause === 'backfill';
    if (seen !== undefined && !isAsked && seen === (await ledger.read((sql) => lastSeen(sql, schedule.id))))
      return { state: 'unchanged', at: clock.now(), seen };
    if (!(await ledger.write((sql) => nameRun(sql, tick, run))))
      return { state: 'interrupted', at: clock.now() };
    report.run = run;
    const verdicts = new Map<string, Digest>();
    const { outcome } = await copy.run(plan, {
      selection: {},
      flags: { force: () => false, keepGoing: false, allowChangingInputs: false },
      offline: false,
      isSubmitted: true,
      startedAt: clock.monotonic(),
      signal,
      subscribers: [collectVerdicts(verdicts), collectFailure(report)],
      onWarning,
    });
    const at = clock.now();
    if (outcome !== 'succeeded') return { state: outcome === 'failed' ? 'failed' : 'interrupted', at, seen };
    const rejected = [...verdicts].find(([, digest]) => readVerdict(copy.store, digest) === REJECTED);
    if (rejected === undefined) return { state: 'succeeded', at, seen };
    Object.assign(report, { step: rejected[0], verdict: REJECTED });
    return { state: 'rejected', at, seen };
  });
}
