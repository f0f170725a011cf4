import { describe, expect, test } from 'vitest';
import type { TickRun } from '../../src/compose-ticks.ts';
import { RecipeError } from '../../src/core/recipe-error.ts';
import type { ScheduleSettings } from '../../src/core/schedule-rules.ts';
import { cancelTick } from '../../src/ledger/cancelled-ticks.ts';
import type { TickEnd } from '../../src/ledger/ticks.ts';
import { Random } from '../chaos/random.ts';
import { NOWHERE } from '../rigs/ledger-scheduler.ts';
import { SimLedger } from '../sim/sim-ledger.ts';
import { MachineClock, SimProcess } from '../sim/sim-process.ts';
import { applyTo, simScheduler } from '../sim/sim-scheduler.ts';
import { Timeline } from '../sim/timeline.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** When time begins. */
const T0 = Date.UTC(2027, 0, 1);

const EVERY_TEN_MINUTES: ScheduleSettings = {
  when: { kind: 'every', everyMs: 10 * MINUTE },
  jitterMs: 0,
  overlap: 'skip',
  catchUp: 'one',
  windowMs: 24 * HOUR,
  pauseOnFailure: false,
  onlyIfChanged: [],
};

/** Schedulers on machines of their own, and time that goes on when the test says so. The first tick is at ten minutes. */
class SchedulersRig implements Disposable {
  readonly #timeline = new Timeline(new Random(1), Date.UTC(2027, 0, 1));
  readonly #clock = new MachineClock(this.#timeline, 0, 1);
  readonly ledger = new SimLedger(this.#clock);
  readonly said: string[] = [];

  /** With a schedule `a`. */
  static async create(settings: Partial<ScheduleSettings> = {}): Promise<SchedulersRig> {
    const rig = new SchedulersRig();
    const terminal = new SimProcess('terminal', rig.#timeline, rig.#clock);
    void applyTo(terminal, rig.ledger, 'a', { ...EVERY_TEN_MINUTES, ...settings });
    await rig.until(SECOND);
    return rig;
  }

  /** What it does is `said`. */
  serve(name: string, run: (tick: TickRun) => Promise<TickEnd>, wrongBy = 0): SimProcess {
    const process = new SimProcess(name, this.#timeline, new MachineClock(this.#timeline, wrongBy, 1));
    const scheduler = simScheduler(process, this.ledger, run, {
      onEvent: ({ id }, { nominal }, end) => {
        const minute = new Date(nominal).getUTCMinutes();
        this.said.push(`${name}: ${id} of :${minute} ${end?.state ?? 'running'}`);
      },
      onWarning: (message) => this.said.push(`${name}: ${message}`),
    });
    void scheduler.serve();
    return process;
  }

  /** Lets time go on, from the beginning on. */
  async until(ms: number): Promise<void> {
    await this.#timeline.run(() => false, ms);
  }

  /** One more schedule. */
  async apply(id: string, settings: Partial<ScheduleSettings>): Promise<void> {
    const terminal = new SimProcess('terminal', this.#timeline, this.#clock);
    return applyTo(terminal, this.ledger, id, { ...EVERY_TEN_MINUTES, ...settings });
  }

  /** As `recipe cancel` by ann does. */
  async cancel(start: string): Promise<string[]> {
    const terminal = new SimProcess('terminal', this.#timeline, this.#clock);
    return this.ledger
      .of(terminal)
      .write((sql) => cancelTick(sql, { projectDir: NOWHERE, start, by: 'ann' }));
  }

  get states(): unknown[] {
    return this.ledger.rows('SELECT state FROM ticks ORDER BY nominal_at').map(({ state }) => state);
  }

  [Symbol.dispose](): void {
    this.ledger[Symbol.dispose]();
  }
}

describe('a tick whose run goes on', () => {
  test('is kept when its lease is not renewed for once', async () => {
    using rig = await SchedulersRig.create();
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    rig.serve('one', async (tick) => untilStopped(tick, finished));
    await rig.until(10 * MINUTE + 5 * SECOND);
    rig.serve('two', async () => ({ state: 'failed' }));
    rig.ledger.isAway = true;
    await rig.until(10 * MINUTE + 40 * SECOND);
    rig.ledger.isAway = false;
    await rig.until(15 * MINUTE);
    finish();
    await rig.until(16 * MINUTE);
    expect(rig.said.filter((line) => line.includes(' a of '))).toEqual([
      'one: a of :10 running',
      'one: a of :10 succeeded',
    ]);
  });

  test('is stopped when its lease could not be renewed until it was over', async () => {
    using rig = await SchedulersRig.create();
    let stoppedAt = NaN;
    rig.serve('one', async (tick) => {
      const end = await untilStopped(tick);
      stoppedAt = rig.ledger.now;
      return end;
    });
    await rig.until(10 * MINUTE + 5 * SECOND);
    const leaseUntil = Number(rig.ledger.rows('SELECT lease_until FROM ticks')[0]?.['lease_until']);
    rig.ledger.isAway = true;
    await rig.until(13 * MINUTE);
    expect(Math.abs(stoppedAt - leaseUntil)).toBeLessThan(15 * SECOND);
    expect(rig.said.at(-1)).toMatch(/^one: a of :10 interrupted/);
    rig.ledger.isAway = false;
    await rig.until(14 * MINUTE);
    expect(rig.states).toEqual(['interrupted']);
  });
});

test('a schedule that this machine cannot reckon leaves the others their ticks', async () => {
  using rig = await SchedulersRig.create();
  void rig.apply('0', { when: { kind: 'cron', cron: '* * * * *', timezone: 'Nowhere/Land' } });
  await rig.until(2 * SECOND);
  rig.serve('one', async () => ({ state: 'succeeded' }));
  await rig.until(11 * MINUTE);
  expect(rig.said).toEqual([
    expect.stringMatching(/^one: schedules could not be looked after: Error: 0: RangeError: .*Nowhere\/Land/),
    'one: a of :10 running',
    'one: a of :10 succeeded',
  ]);
});

test('a tick whose run is cancelled is interrupted and says by whom; its scheduler goes on', async () => {
  using rig = await SchedulersRig.create();
  rig.serve('one', async (tick) => untilStopped(tick));
  await rig.until(10 * MINUTE + 5 * SECOND);
  const told = rig.cancel('ru');
  await rig.until(10 * MINUTE + 25 * SECOND);
  expect(await told).toEqual(['run']);
  expect(rig.ledger.rows('SELECT state, note FROM ticks')).toEqual([
    { state: 'interrupted', note: 'cancelled by ann' },
  ]);
  await rig.until(20 * MINUTE + 5 * SECOND);
  expect(rig.states).toEqual(['interrupted', 'running']);
  expect(rig.said).toEqual(
    ['10 running', '10 interrupted', '20 running'].map((said) => `one: a of :${said}`),
  );
});

describe('a tick whose run cannot begin, as something is out of reach,', () => {
  const away = new RecipeError('REDIS_UNREACHABLE', { redis: 'of the test', problem: 'it is away' });
  const notes = (rig: SchedulersRig): unknown[] =>
    rig.ledger.rows('SELECT note FROM ticks ORDER BY nominal_at').map(({ note }) => note);

  test('waits under its lease, says for what, and runs when that is back', async () => {
    using rig = await SchedulersRig.create();
    let isAway = true;
    rig.serve('one', async ({ held }) => {
      await held.name(isAway ? 'never begun' : 'run');
      if (isAway) throw away;
      return { state: 'succeeded' };
    });
    await rig.until(12 * MINUTE);
    rig.serve('two', async () => ({ state: 'failed' }));
    await rig.until(18 * MINUTE);
    expect([rig.states, notes(rig)]).toEqual([['running'], [`REDIS_UNREACHABLE: ${away.message}`]]);
    isAway = false;
    await rig.until(19 * MINUTE);
    expect(rig.said).toEqual(['running', 'waiting', 'succeeded'].map((state) => `one: a of :10 ${state}`));
    expect(rig.ledger.rows('SELECT state, run_id, note FROM ticks')).toEqual([
      { state: 'succeeded', run_id: 'run', note: null },
    ]);
  });

  test('is failed after a day', async () => {
    using rig = await SchedulersRig.create({ end: T0 + 10 * MINUTE, pauseOnFailure: true });
    rig.serve('one', async () => {
      throw away;
    });
    await rig.until(24 * HOUR + 9 * MINUTE);
    expect(rig.states).toEqual(['running']);
    await rig.until(24 * HOUR + 11 * MINUTE);
    expect([rig.states, notes(rig)]).toEqual([['failed'], [`REDIS_UNREACHABLE: ${away.message}`]]);
    expect(rig.ledger.rows('SELECT paused_because FROM schedules')).toEqual([
      { paused_because: 'a run failed' },
    ]);
  });

  test.each(['is told to end', 'dies'])(
    'is run by another scheduler when its own %s, whatever it had called the run',
    async (how) => {
      using rig = await SchedulersRig.create({ end: T0 + 10 * MINUTE });
      const one = rig.serve('one', async ({ held }) => {
        await held.name('never begun');
        throw away;
      });
      await rig.until(11 * MINUTE);
      if (how === 'dies') one.die();
      else one.tellToEnd();
      await rig.until(11 * MINUTE + SECOND);
      rig.serve('two', async ({ held }) => {
        await held.name('run');
        return { state: 'succeeded' };
      });
      await rig.until(14 * MINUTE);
      expect(rig.said.at(-1)).toBe('two: a of :10 succeeded');
      expect(rig.ledger.rows('SELECT state, run_id, note FROM ticks')).toEqual([
        { state: 'succeeded', run_id: 'run', note: null },
      ]);
    },
  );

  test('but not if its run has begun: a tick has one run', async () => {
    using rig = await SchedulersRig.create({ end: T0 + 10 * MINUTE });
    rig.serve('one', async ({ report }) => {
      report.run = 'run';
      throw away;
    });
    await rig.until(11 * MINUTE);
    expect(rig.states).toEqual(['failed']);
  });
});

test('the end of a tick waits for a ledger that is away, and is written once where that is not heard of', async () => {
  using rig = await SchedulersRig.create();
  rig.serve('one', async ({ held }) => {
    await held.name('run');
    rig.ledger.isAway = true;
    return { state: 'succeeded' };
  });
  await rig.until(10 * MINUTE + 20 * SECOND);
  rig.ledger.isAway = false;
  rig.ledger.lostAnswers = 100;
  await rig.until(10 * MINUTE + 30 * SECOND);
  rig.ledger.lostAnswers = 0;
  await rig.until(13 * MINUTE);
  expect(rig.said.filter((line) => line.includes(' a of '))).toEqual([
    'one: a of :10 running',
    'one: a of :10 succeeded',
  ]);
  expect(rig.states).toEqual(['succeeded']);
});

test('a ledger that is away when it is looked at is warned of once, and waited for', async () => {
  using rig = await SchedulersRig.create();
  rig.ledger.isAway = true;
  rig.serve('one', async () => ({ state: 'succeeded' }));
  await rig.until(9 * MINUTE);
  rig.ledger.isAway = false;
  await rig.until(11 * MINUTE);
  expect(rig.said).toEqual([
    expect.stringMatching(/^one: schedules could not be looked after: .*it is away/),
    'one: a of :10 running',
    'one: a of :10 succeeded',
  ]);
});

test.each([{ wrongBy: HOUR }, { wrongBy: -HOUR }])(
  'a scheduler whose clock is wrong by $wrongBy ms begins ticks in time, and takes none from others',
  async ({ wrongBy }) => {
    using rig = await SchedulersRig.create();
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    const wrong = rig.serve('wrong', async (tick) => untilStopped(tick, finished), wrongBy);
    await rig.until(10 * MINUTE - SECOND);
    expect(rig.states).toEqual([]);
    await rig.until(10 * MINUTE + 3 * SECOND);
    rig.serve('right', async () => ({ state: 'failed' }));
    await rig.until(15 * MINUTE);
    finish();
    await rig.until(16 * MINUTE);
    wrong.tellToEnd();
    expect(rig.said).toEqual(['wrong: a of :10 running', 'wrong: a of :10 succeeded']);
  },
);

test('of a day that was missed with overlap: allow four runs go on at once, oldest first, until all have been', async () => {
  using rig = await SchedulersRig.create({
    when: { kind: 'every', everyMs: MINUTE },
    end: T0 + 24 * HOUR,
    overlap: 'allow',
    catchUp: 'all',
    windowMs: 48 * HOUR,
  });
  await rig.until(24 * HOUR);
  const begun = new Set<unknown>();
  let most = 0;
  rig.ledger.onCommit(() => {
    const running = rig.ledger.rows(`SELECT nominal_at FROM ticks WHERE state = 'running'`);
    most = Math.max(most, running.length);
    for (const { nominal_at } of running) begun.add(nominal_at);
  });
  for (const name of ['one', 'two'])
    rig.serve(name, async ({ held }) => {
      await held.name('run');
      return { state: 'succeeded' };
    });
  await rig.until(24 * HOUR + 5 * MINUTE);
  expect([most, begun.size]).toEqual([4, 24 * 60]);
  expect([...begun]).toEqual(Array.from({ length: 24 * 60 }, (_, index) => T0 + (index + 1) * MINUTE));
  expect(new Set(rig.states)).toEqual(new Set(['succeeded']));
});

test('a tick that waited for an earlier run is run as its schedule was applied meanwhile', async () => {
  using rig = await SchedulersRig.create({ overlap: 'queue-one' });
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
  const ran: string[] = [];
  rig.serve('one', async (tick) => {
    ran.push(tick.schedule.snapshot);
    return untilStopped(tick, finished);
  });
  await rig.until(21 * MINUTE);
  rig.ledger.rows(`UPDATE schedules SET snapshot = 'new'`);
  finish();
  await rig.until(22 * MINUTE);
  expect(ran).toEqual(['none', 'new']);
});

test('old ticks are forgotten while schedulers look, a few at a time, and none of them is run again', async () => {
  using rig = await SchedulersRig.create({ catchUp: 'all', windowMs: 365 * 24 * HOUR });
  rig.ledger.rows(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1250)
    INSERT INTO ticks (schedule_id, nominal_at, number, cause, state, epoch, ended_at)
    SELECT schedule_id, ${T0 - 40 * 24 * HOUR} - i, 0, 'clock', 'succeeded', 1, ${T0 - 40 * 24 * HOUR} FROM n, schedules`);
  const count = (): unknown => rig.ledger.rows('SELECT COUNT(*) AS count FROM ticks')[0]?.['count'];
  expect(count()).toBe(1250);
  for (const name of ['one', 'two']) rig.serve(name, async () => ({ state: 'succeeded' }));
  await rig.until(MINUTE);
  expect([count(), rig.said]).toEqual([1000, []]);
  await rig.until(3 * HOUR + 5 * MINUTE);
  // Eighteen more have run, and those that are too many for it go within the hour.
  expect(count()).toBeLessThan(1018);
  expect(rig.said.filter((line) => line.endsWith('succeeded'))).toHaveLength(18);
});

test('what one scheduler left out is not run by another that had looked before, and stood still', async () => {
  using rig = await SchedulersRig.create({
    when: { kind: 'every', everyMs: 65 * SECOND },
    start: T0 + 65 * SECOND,
    overlap: 'allow',
    catchUp: 'none',
  });
  const dies = rig.serve('dies', async () => new Promise(() => {}));
  await rig.until(70 * SECOND);
  dies.die();
  await rig.until(131 * SECOND);
  // The tick at 130 is due, and what was left behind is given back first: then it stands still.
  const stands = rig.serve('stands', async () => ({ state: 'succeeded' }));
  let hasStood = false;
  rig.ledger.onCommit((by) => {
    if (by === stands && !hasStood) by.standStill(180 * SECOND);
    hasStood ||= by === stands;
  });
  await rig.until(250 * SECOND);
  rig.serve('goes on', async () => ({ state: 'succeeded' }));
  await rig.until(320 * SECOND);
  const ticks = rig.ledger.rows('SELECT nominal_at FROM ticks ORDER BY nominal_at');
  expect([hasStood, ...ticks.map(({ nominal_at }) => (Number(nominal_at) - T0) / SECOND)]).toEqual([
    true,
    65,
    195,
    260,
  ]);
});

/** A run that names itself, and goes on until it is finished, or is to stop. */
async function untilStopped({ held }: TickRun, finished?: Promise<void>): Promise<TickEnd> {
  await held.name('run');
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  held.signal.addEventListener('abort', () => stop());
  await Promise.race([stopped, ...(finished === undefined ? [] : [finished])]);
  return { state: held.signal.aborted ? 'interrupted' : 'succeeded' };
}
