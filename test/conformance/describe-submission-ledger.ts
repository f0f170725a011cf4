import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/sql.ts';
import type { Submission } from '../../src/engine/submission-port.ts';
import {
  addSubmissionEvents,
  type NumberedEvent,
  readSubmissionEvents,
} from '../../src/ledger/submission-events.ts';
import {
  cancelSubmission,
  claimSubmission,
  endSubmission,
  findSubmissions,
  forgetSubmissions,
  nameSubmittedRun,
  noteSubmission,
  openSubmissions,
  readSubmission,
  releaseSubmission,
  renewSubmission,
  type SubmissionClaim,
  strangeSnapshots,
  submit,
} from '../../src/ledger/submissions.ts';
import type { OpenLedgers } from './describe-schedule-ledger.ts';

const SETTINGS = {
  file: 'recipe.yaml',
  recipe: 'r',
  profile: 'prod',
  set: ['a=1'],
  selection: { until: 'b' },
  force: ['a'],
  keepGoing: true,
  at: 5,
};

export function describeSubmissionLedger(name: string, open: () => Promise<OpenLedgers>): void {
  describe(`the ledger of submitted runs (${name})`, () => {
    test('what is submitted is kept as it was', async () => {
      await using ledgers = await open();
      const [ledger, other] = ledgers.schedulers;
      await accept(ledger, 'r1', { submittedAt: 7 });
      expect(await read(other, 'r1')).toEqual({
        id: 'r1',
        projectDir: '/p',
        settings: SETTINGS,
        snapshot: 's',
        place: 'here',
        remote: undefined,
        submittedAt: 7,
        submittedBy: 'ann@host',
        owner: 'ann',
        state: 'waiting',
        epoch: 0,
        losses: 0,
        driver: undefined,
        leaseUntil: undefined,
        run: undefined,
        isCancelled: false,
        note: undefined,
        endedAt: undefined,
      });
    });

    test('the oldest is taken first, by those who can read what it needs', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await accept(ledger, 'late', { submittedAt: 3 });
      await accept(ledger, 'early', { submittedAt: 2 });
      await accept(ledger, 'shared', { submittedAt: 1, place: 'there', remote: 's3://b' });
      await accept(ledger, 'strange', { submittedAt: 0, place: 'there', remote: 's3://c' });
      const taken = [
        await claim(ledger, {}),
        await claim(ledger, { remote: 's3://b' }),
        await claim(ledger, { remote: 's3://b' }),
        await claim(ledger, { remote: 's3://b' }),
      ];
      expect(taken.map((one) => one?.id)).toEqual(['early', 'shared', 'late', undefined]);
      expect((await ledger.read(openSubmissions)).map(({ id, state }) => `${id} ${state}`)).toEqual([
        'strange waiting',
        'shared running',
        'early running',
        'late running',
      ]);
    });

    test('what lies in a place of another name is taken by those who can read it all the same', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await accept(ledger, 'mine', { submittedAt: 5 });
      await accept(ledger, 'b', { submittedAt: 4, place: '', remote: 'http://b', snapshot: 'sb' });
      await accept(ledger, 'a', { submittedAt: 3, place: '', snapshot: 'sa' });
      await accept(ledger, 'again', { submittedAt: 6, place: 'there', snapshot: 'sa' });
      await accept(ledger, 'known', { submittedAt: 1, place: '', remote: 's3://b', snapshot: 'sk' });
      const place = { place: 'here', remote: 's3://b', now: 0 };
      expect(await ledger.read((sql) => strangeSnapshots(sql, place, 9))).toEqual(['sa', 'sb']);
      expect(await ledger.read((sql) => strangeSnapshots(sql, place, 1))).toEqual(['sa']);
      expect(await claim(ledger, { place: 'nowhere' })).toBeUndefined();
      expect(await claim(ledger, { place: 'nowhere', snapshots: ['sb', 'sx'] })).toMatchObject({ id: 'b' });
    });

    test('of many drivers that claim at once each run has one', async () => {
      await using ledgers = await open();
      const [ledger, other] = ledgers.schedulers;
      for (let i = 0; i < 10; i++) await accept(ledger, `r${i}`, { submittedAt: i });
      const claims = Array.from({ length: 24 }, (_, i) =>
        claim(i % 2 === 0 ? ledger : other, { by: `d${i}` }),
      );
      const taken = (await Promise.all(claims)).flatMap((one) => (one === undefined ? [] : [one.id]));
      expect(taken.toSorted()).toEqual(Array.from({ length: 10 }, (_, i) => `r${i}`));
    });

    test('a lapsed lease is taken by another, and whoever had it writes nothing more', async () => {
      await using ledgers = await open();
      const [ledger, other] = ledgers.schedulers;
      await accept(ledger, 'r');
      const first = await claimed(ledger, { now: 0, leaseMs: 10, by: 'first' });
      expect(await claim(other, { now: 9 })).toBeUndefined();
      const second = await claimed(other, { now: 10, leaseMs: 10, by: 'second' });
      expect(second).toMatchObject({ id: 'r', epoch: 2, losses: 1, driver: 'second', leaseUntil: 20 });
      expect(await ledger.write((sql) => renewSubmission(sql, first, 30))).toBe('lost');
      expect(await ledger.write((sql) => nameSubmittedRun(sql, first, 'x'))).toBe(false);
      expect(await ledger.write((sql) => noteSubmission(sql, first, 'x'))).toBe(false);
      expect(await ledger.write((sql) => releaseSubmission(sql, first, 'x'))).toBe(false);
      expect(await ledger.write((sql) => endSubmission(sql, first, { state: 'failed', at: 11 }))).toBe(false);
      expect(await ledger.write((sql) => addSubmissionEvents(sql, first, [event(1)]))).toBe(false);
      expect(await ledger.read((sql) => readSubmissionEvents(sql, 'r', START, 9))).toEqual([]);
      expect(await ledger.write((sql) => renewSubmission(sql, second, 30))).toBe('held');
      expect(await read(ledger, 'r')).toMatchObject({ state: 'running', leaseUntil: 30, run: undefined });
    });

    test('a lapsed lease that nobody took is one’s own again', async () => {
      await using ledgers = await open();
      const [ledger, other] = ledgers.schedulers;
      await accept(ledger, 'r');
      const held = await claimed(ledger, { now: 0, leaseMs: 10 });
      expect(await ledger.write((sql) => renewSubmission(sql, held, 60))).toBe('held');
      expect(await claim(other, { now: 59 })).toBeUndefined();
    });

    test('what is given back waits again, and that is no loss', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await accept(ledger, 'r');
      const held = await claimed(ledger, {});
      expect(await ledger.write((sql) => releaseSubmission(sql, held, 'told to end'))).toBe(true);
      expect(await read(ledger, 'r')).toMatchObject({
        state: 'waiting',
        driver: undefined,
        note: 'told to end',
      });
      expect(await claim(ledger, {})).toMatchObject({ epoch: 2, losses: 0 });
    });

    test('a run that loses driver after driver is closed as failed', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await accept(ledger, 'r');
      for (let now = 0; now < 30; now += 10) await claimed(ledger, { now, leaseMs: 10, mostLosses: 3 });
      expect(await claim(ledger, { now: 30, mostLosses: 3 })).toBeUndefined();
      expect(await read(ledger, 'r')).toMatchObject({
        state: 'failed',
        endedAt: 30,
        losses: 2,
        note: '3 drivers died that ran it',
      });
    });

    test('a run that waits is cancelled at once, one that runs when its driver hears of it', async () => {
      await using ledgers = await open();
      const [ledger, other] = ledgers.schedulers;
      await accept(ledger, 'waits');
      expect(await other.write((sql) => cancelSubmission(sql, 'waits', 4))).toBe('cancelled');
      expect(await claim(ledger, {})).toBeUndefined();
      expect(await read(ledger, 'waits')).toMatchObject({ state: 'cancelled', endedAt: 4 });
      expect(await other.write((sql) => cancelSubmission(sql, 'waits', 5))).toBeUndefined();
      await accept(ledger, 'runs');
      const held = await claimed(ledger, {});
      expect(await other.write((sql) => cancelSubmission(sql, 'runs', 6))).toBe('told');
      expect(await ledger.write((sql) => renewSubmission(sql, held, 100))).toBe('cancelled');
      expect(await ledger.write((sql) => endSubmission(sql, held, { state: 'cancelled', at: 7 }))).toBe(true);
      expect(await read(other, 'runs')).toMatchObject({
        state: 'cancelled',
        endedAt: 7,
        leaseUntil: undefined,
      });
    });

    test('one that was to be cancelled when its driver died is not driven again', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await accept(ledger, 'r');
      await claimed(ledger, { now: 0, leaseMs: 10 });
      await ledger.write((sql) => cancelSubmission(sql, 'r', 1));
      expect(await claim(ledger, { now: 10 })).toBeUndefined();
      expect(await read(ledger, 'r')).toMatchObject({ state: 'cancelled', endedAt: 10 });
    });

    test('events are read in order, over all that drove the run', async () => {
      await using ledgers = await open();
      const [ledger, other] = ledgers.schedulers;
      await accept(ledger, 'r');
      const first = await claimed(ledger, { now: 0, leaseMs: 10 });
      await ledger.write((sql) => addSubmissionEvents(sql, first, [event(1), event(2)]));
      const second = await claimed(other, { now: 10, leaseMs: 10 });
      await other.write((sql) => addSubmissionEvents(sql, second, [event(1)]));
      await other.write((sql) => addSubmissionEvents(sql, second, [event(2), event(3)]));
      // Whoever did not hear of the commit says it once more.
      await other.write((sql) => addSubmissionEvents(sql, second, [event(2), event(3)]));
      const page = async (cursor: typeof START, limit: number): Promise<string[]> =>
        (await ledger.read((sql) => readSubmissionEvents(sql, 'r', cursor, limit))).map(
          (one) => `${one.epoch}.${one.seq} ${one.event.seq}`,
        );
      expect(await page(START, 9)).toEqual(['1.1 1', '1.2 2', '2.1 1', '2.2 2', '2.3 3']);
      expect(await page({ epoch: 1, seq: 1 }, 2)).toEqual(['1.2 2', '2.1 1']);
      expect(await page({ epoch: 2, seq: 3 }, 9)).toEqual([]);
    });

    test('is found by the beginning of its id, or of its newest run’s', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await accept(ledger, '2026-a', { submittedAt: 1 });
      await accept(ledger, '2026-b', { submittedAt: 2 });
      const held = await claimed(ledger, {});
      await ledger.write((sql) => nameSubmittedRun(sql, held, '2027-c'));
      const found = async (start: string): Promise<string[]> =>
        (await ledger.read((sql) => findSubmissions(sql, start))).map(({ id }) => id);
      expect(await found('2026')).toEqual(['2026-b', '2026-a']);
      expect(await found('2026-a')).toEqual(['2026-a']);
      expect(await found('2027')).toEqual(['2026-a']);
      expect(await found('20260')).toEqual([]);
    });

    test('what ended long ago is forgotten, with what it said', async () => {
      await using ledgers = await open();
      const [ledger] = ledgers.schedulers;
      await accept(ledger, 'r');
      const held = await claimed(ledger, {});
      await ledger.write((sql) => addSubmissionEvents(sql, held, [event(1)]));
      expect(await ledger.write((sql) => forgetSubmissions(sql, 1e15))).toEqual([]);
      await ledger.write((sql) => endSubmission(sql, held, { state: 'succeeded', at: 50 }));
      expect(await ledger.write((sql) => forgetSubmissions(sql, 50))).toEqual([]);
      expect(await ledger.write((sql) => forgetSubmissions(sql, 51))).toEqual(['r']);
      expect(await read(ledger, 'r')).toBeUndefined();
      expect(await ledger.read((sql) => readSubmissionEvents(sql, 'r', START, 9))).toEqual([]);
    });
  });
}

const START = { epoch: 0, seq: 0 };

function event(seq: number): NumberedEvent {
  return { seq, event: { type: 'run.warning', message: `${seq}`, seq, at: 0 } };
}

async function accept(
  ledger: Database,
  id: string,
  more: Partial<Pick<Submission, 'submittedAt' | 'place' | 'remote' | 'snapshot'>> = {},
): Promise<void> {
  await ledger.write((sql) =>
    submit(sql, {
      id,
      projectDir: '/p',
      settings: SETTINGS,
      snapshot: 's',
      place: 'here',
      remote: undefined,
      submittedAt: 1,
      submittedBy: 'ann@host',
      owner: 'ann',
      ...more,
    }),
  );
}

async function claim(ledger: Database, more: Partial<SubmissionClaim>): Promise<Submission | undefined> {
  return ledger.write((sql) =>
    claimSubmission(sql, {
      place: 'here',
      remote: undefined,
      by: 'd',
      now: 0,
      leaseMs: 1000,
      mostLosses: 5,
      ...more,
    }),
  );
}

async function claimed(ledger: Database, more: Partial<SubmissionClaim>): Promise<Submission> {
  const found = await claim(ledger, more);
  if (found === undefined) throw new Error('no run was there to be claimed');
  return found;
}

async function read(ledger: Database, id: string): Promise<Submission | undefined> {
  return ledger.read((sql) => readSubmission(sql, id));
}
