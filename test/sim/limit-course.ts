import { type Course, settingOf } from './course.ts';
import { LimitWatch } from './limit-watch.ts';
import { LimitedRun, type LimitedStep, SimFlights } from './limited-run.ts';
import { disturb, ledgerClockOf, machineOf } from './machines.ts';
import { SimLedger } from './sim-ledger.ts';
import type { SimProcess } from './sim-process.ts';

const TROUBLE_MS = 90_000;
/** What lapses has lapsed. */
const LEASE_MS = 30_000;
/** A limit that is free is taken by one who waits so soon: who waits looks each half a second. */
const IDLE_MS = 1500;
const NAMES = ['gpu', 'licence'] as const;

/** Runs that share named limits: their drivers die and stand still, and the ledger with the leases is away. */
export async function limitCourse(seed: number): Promise<Course> {
  const setting = settingOf(seed);
  const { timeline, random, mood } = setting;
  using ledger = new SimLedger(ledgerClockOf(setting));
  const most = { gpu: 1 + random.below(2), licence: 1 + random.below(3) };
  const watch = new LimitWatch(ledger, most, mood !== 'wild');
  const flights = new SimFlights(timeline, watch);
  const shared = Array.from({ length: 4 }, (_, n) => stepOf(`shared-${n}`, true));
  const runs = Array.from({ length: 2 + random.below(4) }, (_, n) => {
    const own = Array.from({ length: 1 + random.below(5) }, (__, m) => stepOf(`own-${n}-${m}`, false));
    return {
      ...machineOf(setting, `driver-${n}`),
      run: `run-${n}`,
      jobs: 1 + random.below(4),
      steps: [...own, ...shared.filter(() => random.below(2) === 0)],
      done: new Set<string>(),
      isOver: false,
      before: undefined as SimProcess | undefined,
    };
  });
  type RunMachine = (typeof runs)[number];
  const start = (machine: RunMachine): void => {
    const { process, run, jobs, done } = machine;
    // Who is told to end, and does not, is killed before another takes the run.
    if (machine.before?.isDead === false) machine.before.die();
    machine.before = process;
    const place = { process, ledger, watch, flights, run, jobs, done, settings: { limits: most } };
    process.after(random.below(1000), () => {
      if (machine.isOver) return;
      void drive(machine, new LimitedRun(place));
    });
  };
  const drive = async (machine: RunMachine, run: LimitedRun): Promise<void> => {
    const { process, steps } = machine;
    machine.isOver = (await run.drive(steps)) || machine.isOver;
    process.end();
  };
  for (const machine of runs) start(machine);
  if (mood === 'deaf') ledger.lostAnswers = 10;
  // Leases do not lapse by that, and it is told as anything else.
  const jump = (): void => runs[0]?.process.standStill(20_000);
  const trouble =
    mood === 'wild'
      ? disturb(setting, { until: TROUBLE_MS, longestPause: 40_000, ledger, machines: runs, jump, start })
      : undefined;
  const work = runs.flatMap(({ steps }) => steps);
  // However few may run at once, and as if each was done by each run.
  const workMs = work.reduce((sum, { ms }) => sum + ms + IDLE_MS, 0);
  const endMs = (mood === 'quiet' ? 2000 : TROUBLE_MS + 2 * LEASE_MS + 60_000) + workMs;
  const { violations } = watch;
  const isOver = (): boolean => runs.every((one) => one.isOver);
  if (!(await timeline.run(() => violations.length > 0 || isOver(), endMs)))
    for (const { run, isOver: hasEnded } of runs)
      if (!hasEnded) violations.push(`L4 ${run} has not ended, and could have: ${watch.held.join(', ')}`);
  if (violations.length === 0) {
    await timeline.run(() => violations.length > 0, timeline.now + 2 * LEASE_MS);
    for (const lease of watch.held) violations.push(`L5 ${lease} is held, and nothing runs any more`);
  }
  return { seed, kind: 'limits', trace: timeline.trace, violations, faults: trouble?.count ?? 0 };

  function stepOf(name: string, isElsewhere: boolean): LimitedStep {
    return {
      name,
      isElsewhere,
      limits: NAMES.filter(() => random.below(3) > 0),
      // Some for longer than a lease.
      ms: 200 + random.below(random.pick([5000, 25_000])),
    };
  }
}
