import type { Surroundings } from './compose-home.ts';
import type { AppliedSettings, Schedules } from './compose-schedules.ts';
import { inSnapshot, type SnapshotRun } from './compose-snapshot.ts';
import type { Digest } from './core/ids.ts';
import { outsideDigest } from './engine/outside-digest.ts';
import { collectVerdicts, readVerdict } from './engine/verdicts.ts';
import type { HeldTick } from './ledger/held-tick.ts';
import type { Schedule } from './ledger/schedules.ts';
import type { TickEnd } from './ledger/ticks.ts';
import { collectFailure, type TickReport } from './schedule/tick-report.ts';

/** Below the home: what ticks run. */
export const TICKS_FOLDER = 'schedules';
/** The verdict that leaves a champion in place. */
const REJECTED = 'REJECTED';

export interface TickRun {
  readonly schedule: Schedule;
  /** Its signal says when the run is to stop. */
  readonly held: HeldTick;
  /** What there is to tell of it, as it becomes known. */
  readonly report: TickReport;
}

/**
 * Runs the snapshot of a tick's schedule, unless nothing that it looks at has changed.
 *
 * @throws RecipeError why its run could not begin, the report naming none; what is out of reach among it
 */
export async function runTick(
  { project }: Pick<Schedules, 'project'>,
  surroundings: Surroundings,
  onWarning: (message: string) => void,
  { schedule, held, report }: TickRun,
): Promise<TickEnd> {
  const { tick, signal } = held;
  const { applied } = schedule.settings as AppliedSettings;
  const run = surroundings.world.newRunId();
  const asked: SnapshotRun = {
    host: project,
    projectDir: project.dir,
    isHere: true,
    asker: schedule.appliedBy,
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
    if (seen !== undefined && (await held.isUnchanged(seen))) return { state: 'unchanged', seen };
    if (!(await held.name(run))) return { state: 'interrupted' };
    const verdicts = new Map<string, Digest>();
    const { outcome } = await copy.run(plan, {
      selection: {},
      flags: { force: () => false, keepGoing: false, allowChangingInputs: false },
      offline: false,
      isSubmitted: true,
      // Somebody waits for what was asked for.
      priority: tick.cause === 'request' ? 'normal' : 'low',
      startedAt: surroundings.world.clock.monotonic(),
      signal,
      subscribers: [
        () => {
          report.run = run;
        },
        collectVerdicts(verdicts),
        collectFailure(report),
      ],
      onWarning,
    });
    if (outcome !== 'succeeded') return { state: outcome === 'failed' ? 'failed' : 'interrupted', seen };
    const rejected = [...verdicts].find(([, digest]) => readVerdict(copy.store, digest) === REJECTED);
    if (rejected === undefined) return { state: 'succeeded', seen };
    Object.assign(report, { step: rejected[0], verdict: REJECTED });
    return { state: 'rejected', seen };
  });
}
