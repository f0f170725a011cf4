import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Endings, type Follower } from '../../src/compose-endings.ts';
import type { ScheduleSettings } from '../../src/core/schedule-rules.ts';
import type { Database } from '../../src/db/sql.ts';
import { openLedger } from '../../src/ledger/open-ledger.ts';
import { applySchedule } from '../../src/ledger/schedules.ts';
import { listTicks } from '../../src/ledger/ticks.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { inProcessWith } from '../rigs/in-process.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const T0 = Date.UTC(2027, 0, 1);

const SETTINGS: ScheduleSettings = {
  when: { kind: 'after', recipe: 'ingest' },
  jitterMs: 0,
  overlap: 'allow',
  catchUp: 'none',
  windowMs: 24 * HOUR,
  pauseOnFailure: false,
  onlyIfChanged: [],
};

/** A machine whose clock on the wall is wrong, beside a ledger whose clock is right: minutes are counted by that. */
class WrongClockRig implements AsyncDisposable {
  readonly #cli: CliRig;
  readonly #ledger: Database;
  #minute = 0;
  wrongBy: number;

  private constructor(cli: CliRig, ledger: Database, wrongBy: number) {
    this.#cli = cli;
    this.#ledger = ledger;
    this.wrongBy = wrongBy;
  }

  static async create(wrongBy: number): Promise<WrongClockRig> {
    const cli = await CliRig.create({ 'recipes/ingest/recipe.yaml': 'steps: { a: { run: [true] } }\n' });
    return new WrongClockRig(cli, await openLedger(cli.dir, undefined), wrongBy);
  }

  /** Runs `ingest` by hand. */
  async ingest(minute: number): Promise<void> {
    const now = T0 + minute * MINUTE + this.wrongBy;
    const { exit, err } = await inProcessWith({ dir: this.#cli.dir, env: {}, now }, 'run', 'ingest');
    if (exit !== 0) throw new Error(err);
  }

  async apply(minute: number): Promise<Follower> {
    const applied = {
      id: 'a',
      projectDir: this.#cli.dir,
      name: 'train@prod',
      snapshot: 's',
      appliedBy: 'me',
    };
    const appliedAt = T0 + minute * MINUTE;
    return (await this.#ledger.write((sql) =>
      applySchedule(sql, { ...applied, settings: SETTINGS, appliedAt }),
    )) as Follower;
  }

  scheduler(): Endings {
    const project = {
      dir: this.#cli.dir,
      home: join(this.#cli.dir, '.stockpot'),
      get store(): never {
        throw new Error('no value is looked at');
      },
    };
    const now = async (): Promise<number> => T0 + this.#minute * MINUTE;
    const clock = { now: (): number => T0 + this.#minute * MINUTE + this.wrongBy };
    const schedules = { ledger: this.#ledger, list: async () => [], now, project };
    return new Endings(schedules, { clock, onWarning: (message) => expect.unreachable(message) });
  }

  /** Minutes and states of the ticks there are when it has looked. */
  async look(scheduler: Endings, schedule: Follower, minute: number): Promise<string[]> {
    this.#minute = minute;
    const wakeAt = await scheduler.look(schedule, T0 + minute * MINUTE);
    if (wakeAt !== undefined) throw new Error(`it waits until ${new Date(wakeAt).toISOString()}`);
    const ticks = await this.#ledger.read((sql) => listTicks(sql, 'a', 10));
    return ticks
      .toReversed()
      .map(({ nominal, cause, state }) => `${(nominal - T0) / MINUTE} ${cause} ${state}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ledger[Symbol.asyncDispose]();
    await this.#cli[Symbol.asyncDispose]();
  }
}

describe.each([{ wrongBy: HOUR }, { wrongBy: -HOUR }])(
  'on a machine whose clock is wrong by $wrongBy ms a schedule that follows a recipe',
  ({ wrongBy }) => {
    test('runs for what ended since it was applied, in time, and for nothing of before', async () => {
      await using rig = await WrongClockRig.create(wrongBy);
      await rig.ingest(-10);
      const schedule = await rig.apply(0);
      await rig.ingest(5);
      expect(await rig.look(rig.scheduler(), schedule, 5.5)).toEqual(['5 after waiting']);
    });

    test('runs in time what ends while its clock is set right, and whoever looks next runs nothing again', async () => {
      await using rig = await WrongClockRig.create(wrongBy);
      const schedule = await rig.apply(0);
      const scheduler = rig.scheduler();
      expect(await rig.look(scheduler, schedule, 5)).toEqual([]);
      await rig.ingest(5.25);
      rig.wrongBy = 0;
      const [tick, ...more] = await rig.look(scheduler, schedule, 5.5);
      expect([tick, more]).toEqual([expect.stringMatching(/^5(?:\.5)? after waiting$/), []]);
      expect(await rig.look(rig.scheduler(), schedule, 6)).toEqual([tick]);
      rig.wrongBy = wrongBy;
      expect(await rig.look(rig.scheduler(), schedule, 6.5)).toEqual([tick]);
    });
  },
);
