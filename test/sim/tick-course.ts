import type { Rhythm, ScheduleSettings } from '../../src/core/schedule-rules.ts';
import { ledgerNow } from '../../src/ledger/ledger-clock.ts';
import { pauseSchedule, resumeSchedule } from '../../src/ledger/schedules.ts';
import { offerTicks } from '../../src/ledger/ticks.ts';
import { nominalInstants } from '../../src/schedule/instants.ts';
import { type Course, type Setting, settingOf } from './course.ts';
import { disturb, ledgerClockOf, type Machine, machineOf } from './machines.ts';
import { SimLedger } from './sim-ledger.ts';
import { SimProcess } from './sim-process.ts';
import { applyTo } from './sim-scheduler.ts';
import { TickWatch } from './tick-watch.ts';
import { TickWork } from './tick-work.ts';

const TROUBLE_MS = 4 * 60_000;
/** Whatever fell due has ended so long after nothing goes wrong any more. */
const END_MS = TROUBLE_MS + 20 * 60_000;
const DAY = 86_400_000;

interface TickCourse {
  readonly setting: Setting;
  readonly ledger: SimLedger;
  readonly watch: TickWatch;
  readonly work: TickWork;
}

/** Schedules, and schedulers on machines that do not agree on the time: which die, stand still, and lose the ledger. */
export async function tickCourse(seed: number): Promise<Course> {
  const setting = settingOf(seed);
  const { timeline, random, mood } = setting;
  const ledgerClock = ledgerClockOf(setting);
  using ledger = new SimLedger(ledgerClock);
  const terminal = new SimProcess('terminal', timeline, ledgerClock);
  const watch = new TickWatch(ledger, mood === 'quiet');
  const course: TickCourse = { setting, ledger, watch, work: new TickWork(setting, ledger, watch) };
  const machines = Array.from({ length: 2 + random.below(2) }, (_, n) =>
    machineOf(setting, `scheduler-${n}`),
  );
  const count = 1 + random.below(3);
  for (let n = 0; n < count; n += 1) scheduleLater(course, terminal, `s${n}`);
  const start = (machine: Machine): void => course.work.serve(machine);
  for (const machine of machines) start(machine);
  if (mood === 'deaf') ledger.lostAnswers = 5;
  // Not back: what fell due would do so again.
  const jump = (): void => ledgerClock.jump(random.below(20_000));
  const trouble =
    mood === 'wild'
      ? disturb(setting, { until: TROUBLE_MS, longestPause: 150_000, ledger, machines, jump, start })
      : undefined;
  const { violations } = watch;
  if (!(await timeline.run(() => violations.length > 0 || isOver(course), END_MS)))
    violations.push(...unfinished(course));
  if (violations.length === 0) violations.push(...course.work.wrongTicks());
  return { seed, kind: 'ticks', trace: timeline.trace, violations, faults: trouble?.count ?? 0 };
}

function scheduleLater({ setting, ledger, work }: TickCourse, terminal: SimProcess, id: string): void {
  const { random, timeline, mood } = setting;
  const looks = random.below(2) === 0;
  const settings: ScheduleSettings = {
    when: rhythmOf(setting),
    end: ledger.now + TROUBLE_MS,
    jitterMs: random.pick([0, 10_000]),
    overlap: random.pick(['skip', 'queue-one', 'allow']),
    catchUp: random.pick(['none', 'one', 'all']),
    windowMs: random.pick([120_000, DAY]),
    pauseOnFailure: random.below(4) === 0,
    onlyIfChanged: looks ? ['it'] : [],
  };
  const ask = (ms: number, what: string, work: () => Promise<unknown>): void =>
    terminal.after(ms, () => {
      timeline.note('terminal', `${what} ${id}`);
      void work().catch(() => {});
    });
  const inLedger = ledger.of(terminal);
  const resume = async (): Promise<unknown> =>
    inLedger.write(async (sql) => resumeSchedule(sql, id, await ledgerNow(sql, () => NaN)));
  timeline.note('terminal', `applies ${id}: ${JSON.stringify(settings)}`);
  void applyTo(terminal, ledger, id, settings).catch(() => {});
  if (looks)
    for (let at = 0; at < TROUBLE_MS; at += random.below(120_000)) terminal.after(at, () => work.change(id));
  // A ledger that was away is back by then.
  ask(TROUBLE_MS + 30_000, 'resumes', resume);
  if (mood === 'quiet' || random.below(2) === 0) return;
  const at = random.below(TROUBLE_MS / 2);
  ask(at, 'pauses', async () =>
    inLedger.write(async (sql) =>
      pauseSchedule(sql, id, { at: await ledgerNow(sql, () => NaN), because: 'asked' }),
    ),
  );
  ask(at + random.below(20_000), 'runs', async () =>
    inLedger.write(async (sql) => {
      const instants = [await ledgerNow(sql, () => NaN)];
      return offerTicks(sql, {
        schedule: id,
        cause: 'request',
        instants,
        cursor: undefined,
        overlap: settings.overlap,
      });
    }),
  );
  ask(at + random.below(60_000), 'resumes', resume);
}

function rhythmOf({ random, zone }: Setting): Rhythm {
  if (random.below(4) > 0) return { kind: 'every', everyMs: 15_000 + random.below(45_000) };
  // The last names hours that a clock skips or has twice.
  return {
    kind: 'cron',
    cron: random.pick(['* * * * *', '*/2 * * * *', '* 1,2 * * *']),
    timezone: zone,
  };
}

function isOver({ setting, watch }: TickCourse): boolean {
  const paused = new Set(
    watch.schedules.filter((row) => row['paused_at'] !== null).map((row) => row['schedule_id']),
  );
  return (
    setting.timeline.now > TROUBLE_MS + 60_000 &&
    watch.ticks.every(
      ({ state, schedule_id }) => state !== 'running' && (state !== 'waiting' || paused.has(schedule_id)),
    ) &&
    watch.schedules.every(
      (row) => paused.has(row['schedule_id']) || nextOf(watch, String(row['schedule_id'])) === undefined,
    )
  );
}

function nextOf(watch: TickWatch, id: string): number | undefined {
  const row = watch.schedules.find(({ schedule_id }) => schedule_id === id);
  const [next] = nominalInstants(watch.settingsOf(id), Number(row?.['cursor_at']));
  return next;
}

function unfinished({ watch }: TickCourse): string[] {
  const waiting = watch.ticks.filter(({ state }) => state === 'waiting' || state === 'running');
  return ['', ...waiting.map(({ key, state }) => `: ${String(key)} is ${String(state)}`)].map(
    (what) => `T8 not all has ended long after nothing went wrong any more${what}`,
  );
}
