import type { Row } from '../../src/db/sql.ts';
import { keyedRows, type Rows } from './keyed-rows.ts';
import type { SimLedger } from './sim-ledger.ts';
import type { SimProcess } from './sim-process.ts';

const ENDED = new Set(['succeeded', 'failed', 'cancelled']);

/** Looks at every commit for what may never be, whoever drives submitted runs. */
export class SubmissionWatch {
  readonly violations: string[] = [];
  readonly #ledger: SimLedger;
  /** Whether a driver can read what a run runs. */
  readonly #mayDrive: (process: SimProcess, row: Row) => boolean;
  /** By submission and epoch. */
  readonly #holders = new Map<string, SimProcess>();
  #before: Rows = new Map();
  #events: Rows = new Map();

  constructor(ledger: SimLedger, mayDrive: (process: SimProcess, row: Row) => boolean) {
    this.#ledger = ledger;
    this.#mayDrive = mayDrive;
    ledger.onCommit((by) => this.#look(by));
  }

  get rows(): readonly Row[] {
    return [...this.#before.values()];
  }

  #look(by: SimProcess): void {
    const before = this.#before;
    const after = keyedRows(this.#ledger.rows('SELECT * FROM submissions'), 'submission_id');
    for (const [id, now] of after) {
      const was = before.get(id);
      if (was !== undefined && JSON.stringify(was) !== JSON.stringify(now)) this.#changed(by, was, now);
    }
    const events = keyedRows(
      this.#ledger.rows(
        `SELECT submission_id || ' ' || epoch AS key, submission_id, epoch, COUNT(*) AS count, MAX(seq) AS last
         FROM submission_events GROUP BY submission_id, epoch`,
      ),
      'key',
    );
    for (const [key, now] of events)
      if (now['count'] !== this.#events.get(key)?.['count']) this.#said(by, now, before);
    this.#before = after;
    this.#events = events;
  }

  #changed(by: SimProcess, was: Row, now: Row): void {
    const id = String(now['submission_id']);
    if (ENDED.has(String(was['state'])))
      return this.#violation(`S1 ${id} had ended ${String(was['state'])}, and is changed once more`);
    if (Number(now['epoch']) > Number(was['epoch'])) return this.#claimed(by, was, now);
    if (was['state'] === 'waiting') return;
    const onlyAsks = { ...was, is_cancelled: 1 };
    if (JSON.stringify(onlyAsks) === JSON.stringify(now)) return;
    const holder = this.#holders.get(`${id} ${String(was['epoch'])}`);
    // Whoever claims closes what has lost too many drivers, or was to be cancelled.
    if (holder !== by && !this.#isLapsed(was))
      this.#violation(
        `S2 ${by.name} writes ${id} of epoch ${String(was['epoch'])}, which ${holder?.name} has`,
      );
  }

  #claimed(by: SimProcess, was: Row, now: Row): void {
    const id = String(now['submission_id']);
    const epoch = Number(now['epoch']);
    this.#holders.set(`${id} ${epoch}`, by);
    if (epoch !== Number(was['epoch']) + 1) this.#violation(`S2 ${id} goes on with epoch ${epoch}`);
    if (was['state'] === 'running' && !this.#isLapsed(was))
      this.#violation(`S3 ${id} is taken from ${String(was['driver'])} before its lease is over`);
    const older = [...this.#before.values()].filter(
      (row) =>
        row['submission_id'] !== id &&
        (row['state'] === 'waiting' || (row['state'] === 'running' && this.#isLapsed(row))) &&
        this.#mayDrive(by, row) &&
        orderOf(row) < orderOf(was) &&
        Number(row['losses']) < 4 &&
        row['is_cancelled'] === 0,
    );
    for (const row of older)
      this.#violation(`S4 ${id} is taken while ${String(row['submission_id'])} has waited longer`);
  }

  #said(by: SimProcess, { submission_id, epoch }: Row, before: Rows): void {
    const id = String(submission_id);
    const was = before.get(id);
    if (Number(epoch) < Number(was?.['epoch']))
      this.#violation(
        `S5 what epoch ${String(epoch)} of ${id} said lands behind epoch ${String(was?.['epoch'])}`,
      );
    else if (was?.['state'] !== 'running')
      this.#violation(`S5 something is said of ${id}, which is ${String(was?.['state'])}`);
    else if (this.#holders.get(`${id} ${String(epoch)}`) !== by)
      this.#violation(`S2 ${by.name} says something of ${id}, which it does not have`);
  }

  #isLapsed(row: Row): boolean {
    return Number(row['lease_until']) <= this.#ledger.now;
  }

  #violation(text: string): void {
    this.violations.push(text);
  }
}

function orderOf(row: Row): string {
  return `${String(row['submitted_at']).padStart(16, '0')} ${String(row['submission_id'])}`;
}
