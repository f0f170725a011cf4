import type { ScheduleSettings } from '../../src/core/schedule-rules.ts';
import type { Row } from '../../src/db/sql.ts';
import type { Tick } from '../../src/ledger/ticks.ts';
import { jitterOf } from '../../src/schedule/due.ts';
import { nominalInstants } from '../../src/schedule/instants.ts';
import { keyedRows, type Rows } from './keyed-rows.ts';
import type { SimLedger } from './sim-ledger.ts';
import type { SimProcess } from './sim-process.ts';

const ENDED = new Set(['succeeded', 'rejected', 'failed', 'unchanged', 'skipped', 'interrupted']);
const BY_HAND = new Set(['request', 'backfill']);
/** A tick that is this late was missed. */
const ON_TIME_MS = 60_000;
/** Where nothing goes wrong, a tick is there this soon: a look, and the way to the ledger. */
const SOON_MS = 5000;

/** Looks at every commit for what may never be, whoever looks after schedules. */
export class TickWatch {
  readonly violations: string[] = [];
  readonly #ledger: SimLedger;
  readonly #isQuiet: boolean;
  /** By tick and epoch. */
  readonly #holders = new Map<string, SimProcess>();
  readonly #settings = new Map<string, ScheduleSettings>();
  /** What the last tick of a schedule saw that came to an end. */
  readonly #seen = new Map<string, string>();
  #schedules: Rows = new Map();
  #ticks: Rows = new Map();

  constructor(ledger: SimLedger, isQuiet: boolean) {
    this.#ledger = ledger;
    this.#isQuiet = isQuiet;
    ledger.onCommit((by) => this.#look(by));
  }

  get schedules(): readonly Row[] {
    return [...this.#schedules.values()];
  }

  get ticks(): readonly Row[] {
    return [...this.#ticks.values()];
  }

  settingsOf(schedule: string): ScheduleSettings {
    const found = this.#settings.get(schedule);
    if (found === undefined) throw new Error(`nobody applied ${schedule}`);
    return found;
  }

  /** The run of a tick begins that was to find something changed. */
  begins({ schedule, nominal, number, cause }: Tick, seen: string): void {
    if (BY_HAND.has(cause) || !this.#isOneAtATime(schedule)) return;
    if (this.#seen.get(schedule) === seen)
      this.#violation(`T11 ${schedule} ${nominal} ${number} is run, and ${seen} was seen before`);
  }

  #look(by: SimProcess): void {
    const schedules = keyedRows(this.#ledger.rows('SELECT * FROM schedules'), 'schedule_id');
    const ticks = keyedRows(
      this.#ledger.rows(
        `SELECT *, schedule_id || ' ' || nominal_at || ' ' || number AS key FROM ticks ORDER BY nominal_at, number`,
      ),
      'key',
    );
    for (const [id, row] of schedules)
      if (!this.#settings.has(id)) this.#settings.set(id, JSON.parse(String(row['settings'])));
    for (const [key, now] of ticks) {
      const was = this.#ticks.get(key);
      if (was === undefined) this.#appeared(key, now);
      else if (JSON.stringify(was) !== JSON.stringify(now)) this.#changed(by, was, now);
    }
    for (const [id, now] of schedules) {
      const was = this.#schedules.get(id);
      if (was !== undefined && was['cursor_at'] !== now['cursor_at']) this.#decided(by, was, now, ticks);
      this.#checkOverlap(id, ticks);
    }
    this.#schedules = schedules;
    this.#ticks = ticks;
  }

  #appeared(key: string, { schedule_id, cause, nominal_at, note }: Row): void {
    const id = String(schedule_id);
    const schedule = this.#schedules.get(id);
    if (BY_HAND.has(String(cause)) || schedule === undefined) return;
    if (schedule['paused_at'] !== null) this.#violation(`T4 ${key} falls due in a pause`);
    const late = this.#lateness(id, Number(nominal_at));
    if (late < 0 || (this.#isQuiet && late > SOON_MS))
      this.#violation(`T5 ${key} is there ${Math.round(late)} ms after its time`);
    const { catchUp } = this.settingsOf(id);
    if (String(note).startsWith('it was missed') && (late <= ON_TIME_MS || catchUp === 'all'))
      this.#violation(`T7 ${key} is left out, ${Math.round(late)} ms after its time, with ${catchUp}`);
    if (Number(nominal_at) <= Number(schedule['cursor_at']))
      this.#violation(`T7 ${key} is there although it was decided that it is not`);
  }

  #changed(by: SimProcess, was: Row, now: Row): void {
    const key = String(now['key']);
    if (ENDED.has(String(was['state'])))
      return this.#violation(`T3 ${key} had ended ${String(was['state'])}, and is changed once more`);
    if (was['run_id'] !== null && was['run_id'] !== now['run_id'])
      this.#violation(`T1 ${key} has another run than the one it had`);
    if (was['state'] === 'waiting') {
      if (now['state'] === 'running') this.#begun(by, was, now);
      return;
    }
    if (now['state'] !== 'running') this.#ended(now);
    const holder = this.#holders.get(`${key} ${String(was['epoch'])}`);
    if (holder !== by && Number(was['lease_until']) > this.#ledger.now)
      this.#violation(`T2 ${by.name} writes ${key}, which ${holder?.name} has, before its lease is over`);
  }

  #ended({ key, schedule_id, state, seen, cause }: Row): void {
    const id = String(schedule_id);
    if (state === 'unchanged' && BY_HAND.has(String(cause)))
      this.#violation(`T11 ${String(key)} was asked for, and is not run`);
    if (state === 'unchanged' && this.#isOneAtATime(id) && this.#seen.get(id) !== seen)
      this.#violation(`T11 ${String(key)} is not run, and ${String(seen)} was not seen before`);
    if (seen !== null && state !== 'failed' && state !== 'interrupted') this.#seen.set(id, String(seen));
  }

  #begun(by: SimProcess, was: Row, now: Row): void {
    const key = String(now['key']);
    const schedule = this.#schedules.get(String(now['schedule_id']));
    const isPaused = schedule?.['paused_at'] !== null;
    const mayBegin = (row: Row): boolean => !isPaused || BY_HAND.has(String(row['cause']));
    this.#holders.set(`${key} ${String(now['epoch'])}`, by);
    if (!mayBegin(now)) this.#violation(`T4 ${key} begins in a pause`);
    const older = this.ticks.filter(
      (row) =>
        row['schedule_id'] === now['schedule_id'] &&
        row['state'] === 'waiting' &&
        Number(row['nominal_at']) < Number(was['nominal_at']) &&
        mayBegin(row),
    );
    for (const row of older) this.#violation(`T9 ${key} begins while ${String(row['key'])} waits for longer`);
  }

  /** Whether of the instants that a scheduler has passed all have a tick that the policy gives one. */
  #decided(by: SimProcess, was: Row, now: Row, ticks: Rows): void {
    // Whoever resumes a schedule decides that nothing of its pause is run.
    if (was['paused_at'] !== null) return;
    const id = String(now['schedule_id']);
    const rules = this.settingsOf(id);
    const until = { ...rules, end: Number(now['cursor_at']) };
    const passed = nominalInstants(until, Number(was['cursor_at'])).toArray();
    const newest = passed.at(-1);
    for (const instant of passed) {
      const late = this.#lateness(id, instant);
      const isWanted =
        late <= ON_TIME_MS ||
        (late <= rules.windowMs &&
          (rules.catchUp === 'all' || (rules.catchUp === 'one' && instant === newest)));
      if (isWanted && !ticks.has(`${id} ${instant} 0`))
        this.#violation(`T7 ${by.name} leaves out ${id} ${instant}, which is ${Math.round(late)} ms late`);
    }
  }

  #lateness(id: string, nominal: number): number {
    return this.#ledger.now - nominal - jitterOf(this.settingsOf(id), id, nominal);
  }

  /** Of two at once, each may see what the other is about to have seen. */
  #isOneAtATime(id: string): boolean {
    return this.settingsOf(id).overlap !== 'allow';
  }

  #checkOverlap(id: string, ticks: Rows): void {
    if (!this.#isOneAtATime(id)) return;
    const running = [...ticks.values()].filter(
      (row) => row['schedule_id'] === id && row['state'] === 'running',
    );
    if (running.length > 1)
      this.#violation(`T6 ${running.map(({ key }) => String(key)).join(' and ')} run at once`);
  }

  #violation(text: string): void {
    this.violations.push(text);
  }
}
