import type { Digest } from '../../src/core/ids.ts';
import type { AfterRule, ScheduleSettings } from '../../src/core/schedule-rules.ts';
import { type Course, type Setting, settingOf } from './course.ts';
import { FollowCheck } from './follow-check.ts';
import { disturb, ledgerClockOf, type Machine, machineOf } from './machines.ts';
import { type Bytes, SimDisk } from './sim-disk.ts';
import { SimLedger } from './sim-ledger.ts';
import { SimProcess } from './sim-process.ts';
import { applyTo } from './sim-scheduler.ts';
import { SubmissionWatch } from './submission-watch.ts';
import { type DriverMachine, SubmissionWork } from './submission-work.ts';
import { TickWatch } from './tick-watch.ts';
import { TickWork } from './tick-work.ts';

const TROUBLE_MS = 2 * 60_000;
/** Whatever was accepted, and what follows it, has ended so long after nothing goes wrong any more. */
const END_MS = TROUBLE_MS + 25 * 60_000;
/** So long after the last run has ended nothing more follows. */
const REST_MS = 90_000;
const DAY = 86_400_000;

const RECIPES = ['a', 'b'] as const;
const VALUES = [1, 2, { x: 1 }] as const;

/**
 * Submitted runs and the schedules that follow them in one ledger: drivers and schedulers on machines of their own, which
 * die, stand still, and lose the ledger.
 */
export async function chainCourse(seed: number): Promise<Course> {
  const setting = settingOf(seed);
  const { timeline, random, mood } = setting;
  const ledgerClock = ledgerClockOf(setting);
  using ledger = new SimLedger(ledgerClock);
  const bytes: Bytes = new Map();
  using disk = new SimDisk(bytes);
  const terminal = new SimProcess('terminal', timeline, ledgerClock);
  const drivers = Array.from({ length: 2 }, (_, n) => ({
    ...machineOf(setting, `driver-${n}`),
    place: n === 0 ? 'a' : 'b',
    remote: 'shared',
  }));
  const schedulers = Array.from({ length: 2 }, (_, n) => machineOf(setting, `scheduler-${n}`));
  const ticks = new TickWatch(ledger, mood === 'quiet');
  const runs = new SubmissionWatch(ledger, (process, row) => {
    const at = drivers.find(({ name }) => process.name.startsWith(`${name}.`));
    return at !== undefined && (row['place'] === at.place || row['remote'] !== null);
  });
  const submitted = new SubmissionWork(setting, ledger);
  const scheduled = new TickWork(setting, ledger, ticks, disk);
  const values = VALUES.map((value) => disk.blobs.putBytes(JSON.stringify(value)).digest);
  const follow = new FollowCheck(ledger, submitted, values[0]);
  const count = 2 + random.below(2);
  for (let n = 0; n < count; n += 1) applySoon(setting, ledger, terminal, `s${n}`);
  const many = 3 + random.below(6);
  for (let n = 0; n < many; n += 1) submitSome(setting, submitted, terminal, `run-${n}`, values);
  const start = (machine: Machine): void =>
    isDriver(machine) ? submitted.serve(machine) : scheduled.serve(machine);
  const machines: Machine[] = [...drivers, ...schedulers];
  for (const machine of machines) start(machine);
  if (mood === 'deaf') ledger.lostAnswers = 5;
  // Not back: an end that lies ahead is followed only when its time has come.
  const jump = (): void => ledgerClock.jump(random.below(20_000));
  const trouble =
    mood === 'wild'
      ? disturb(setting, { until: TROUBLE_MS, longestPause: 60_000, ledger, machines, jump, start })
      : undefined;
  const violations: string[] = [];
  const isViolated = (): boolean => ticks.violations.length + runs.violations.length > 0;
  let restsSince = Infinity;
  const isOver = (): boolean => {
    const isOpen = ({ state }: { state?: unknown }): boolean => state === 'waiting' || state === 'running';
    if (timeline.now < TROUBLE_MS || runs.rows.some(isOpen) || ticks.ticks.some(isOpen)) {
      restsSince = Infinity;
      return false;
    }
    restsSince = Math.min(restsSince, timeline.now);
    return timeline.now - restsSince >= REST_MS;
  };
  if (!(await timeline.run(() => isViolated() || isOver(), END_MS)))
    violations.push('C4 not all has ended long after nothing went wrong any more');
  violations.push(...ticks.violations, ...runs.violations);
  if (violations.length === 0)
    violations.push(...submitted.wrongEnds(), ...scheduled.wrongTicks(), ...follow.wrong());
  return { seed, kind: 'chains', trace: timeline.trace, violations, faults: trouble?.count ?? 0 };
}

function isDriver(machine: Machine): machine is DriverMachine {
  return 'place' in machine;
}

function submitSome(
  { random }: Setting,
  work: SubmissionWork,
  terminal: SimProcess,
  id: string,
  values: readonly Digest[],
): void {
  const [recipe, isPart] = [random.pick(RECIPES), random.below(6) === 0];
  const value = random.below(8) === 0 ? undefined : values[random.below(values.length)];
  work.submitLater(terminal, id, { recipe, isPart, value });
}

function applySoon(setting: Setting, ledger: SimLedger, terminal: SimProcess, id: string): void {
  const { random, timeline } = setting;
  const value = { step: 'last', output: 'value', keys: [] };
  const rule = random.pick([undefined, { value }, { value: { ...value, equals: VALUES[0] } }]);
  const when: AfterRule = { kind: 'after', recipe: random.pick(RECIPES), ...rule };
  const settings: ScheduleSettings = {
    when,
    jitterMs: random.pick([0, 10_000]),
    overlap: random.pick(['skip', 'queue-one', 'allow']),
    catchUp: random.pick(['none', 'one', 'all']),
    // Nothing is so late that nobody looks at it any more.
    windowMs: DAY,
    pauseOnFailure: false,
    onlyIfChanged: [],
  };
  timeline.note('terminal', `applies ${id}: ${JSON.stringify(settings)}`);
  void applyTo(terminal, ledger, id, settings).catch(() => {});
}
