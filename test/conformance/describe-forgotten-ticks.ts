import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/sql.ts';
import { FORGOTTEN_AT_ONCE, forgetTicks, KEPT_MS, KEPT_TICKS } from '../../src/ledger/forget-ticks.ts';
import { addNotification, claimNotification, settleNotification } from '../../src/ledger/notifications.ts';
import { applySchedule, findSchedule } from '../../src/ledger/schedules.ts';
import { hadFailed, holdSchedule, lastSeen, listTicks, type Tick } from '../../src/ledger/ticks.ts';
import { appliedSchedule } from './applied-schedule.ts';
import type { OpenLedgers } from './describe-schedule-ledger.ts';

/** More than are kept however old they are. */
const MANY = KEPT_TICKS + 250;

/** How a ledger gets rid of what nobody asks for any more. */
export function describeForgottenTicks(name: string, open: () => Promise<OpenLedgers>): void {
  describe(`ticks that are forgotten (${name})`, () => {
    test('are those that ended a month ago, but for the newest thousand', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await add(ledger, () => ({}));
      // Each ended at its instant: 100 of them a month before this.
      expect(await forgetAll(ledger, KEPT_MS + 99)).toEqual([100]);
      expect(await nominals(ledger)).toEqual(from(100));
      expect(await forgetAll(ledger, KEPT_MS + MANY)).toEqual([FORGOTTEN_AT_ONCE, 50]);
      expect(await nominals(ledger)).toEqual(from(MANY - KEPT_TICKS));
    });

    test('are none that wait or go on, nor such of which somebody is still to be told', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await add(ledger, (at) =>
        at === 3 ? { state: 'waiting', endedAt: null } : at === 4 ? { state: 'running', endedAt: null } : {},
      );
      await ledger.write(async (sql) => {
        for (const nominal of [5, 6])
          await addNotification(
            sql,
            { schedule: 'a', nominal, number: 0 },
            { id: `${nominal}`, event: 'failed', message: '{}', channels: ['webhook'], at: nominal },
          );
        const first = await claimNotification(sql, { projectDir: '/p', now: 9, leaseMs: 1 });
        if (first !== undefined) await settleNotification(sql, first, { kind: 'sent' });
      });
      await forgetAll(ledger, KEPT_MS + MANY);
      expect((await nominals(ledger)).slice(0, 4)).toEqual([3, 4, 6, MANY - KEPT_TICKS]);
      const left = await ledger.read((sql) => sql.all('SELECT notification_id FROM notifications'));
      expect(left).toEqual([{ notification_id: '6' }]);
    });

    test('are none that say whether it was well, what was seen last, or which end came last', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await add(ledger, (at) =>
        at === 1
          ? { state: 'failed' }
          : at === 2
            ? { state: 'rejected', seen: 'x' }
            : { state: 'skipped', ...(at === 0 || at === 3 ? { after: `r${at}` } : {}) },
      );
      await forgetAll(ledger, KEPT_MS + MANY);
      expect((await nominals(ledger)).slice(0, 4)).toEqual([1, 2, 3, MANY - KEPT_TICKS]);
      const said = await ledger.write(async (sql) => [await hadFailed(sql, 'a'), await lastSeen(sql, 'a')]);
      expect(said).toEqual([true, 'x']);
    });

    test('are not made again: the schedule knows from when to when they were, and ends of then are behind it', async () => {
      await using ledgers = await open();
      const [ledger, other] = ledgers.schedulers;
      await add(ledger, (at) => (at > 9 && at < 20 ? { after: `r${at}` } : {}));
      const known = async (): Promise<unknown> =>
        other.write(async (sql) => {
          const held = await holdSchedule(sql, 'a');
          return [-1, 0, 30, 49, 50].filter((at) => held?.isForgotten(at));
        });
      expect(await known()).toEqual([]);
      await forgetAll(ledger, KEPT_MS + 29);
      await forgetAll(ledger, KEPT_MS + 49);
      expect(await known()).toEqual([0, 30, 49]);
      const schedule = await ledger.read((sql) => findSchedule(sql, '/p', 'a@prod'));
      // That of 19 stays.
      expect(schedule?.cursor).toBe(18);
    });
  });
}

interface Ended {
  readonly state?: Tick['state'];
  readonly seen?: string;
  readonly after?: string;
  readonly endedAt?: null;
}

/** A schedule `a` with a tick of each millisecond from the epoch on. */
async function add(ledger: Database, tick: (at: number) => Ended): Promise<void> {
  await ledger.write(async (sql) => {
    await applySchedule(sql, appliedSchedule('a', { settings: { when: { kind: 'every', everyMs: 1 } } }));
    await sql.runMany(
      `INSERT INTO ticks (schedule_id, nominal_at, number, cause, epoch, state, seen, after_run, ended_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      Array.from({ length: MANY }, (_, at) => {
        const { state = 'succeeded', seen = null, after = null, endedAt = at } = tick(at);
        return ['a', at, 0, 'clock', 1, state, seen, after, endedAt];
      }),
    );
  });
}

/** How many were forgotten, each time that some were. */
async function forgetAll(ledger: Database, now: number): Promise<number[]> {
  const counts: number[] = [];
  for (;;) {
    const count = await ledger.write((sql) => forgetTicks(sql, 'a', now));
    if (count === 0) return counts;
    counts.push(count);
  }
}

/** Oldest first. */
async function nominals(ledger: Database): Promise<number[]> {
  return (await ledger.read((sql) => listTicks(sql, 'a', MANY))).map(({ nominal }) => nominal).toReversed();
}

function from(first: number): number[] {
  return Array.from({ length: MANY - first }, (_, index) => first + index);
}
