import type { Failure } from '../../core/failure.ts';
import type { Digest } from '../../core/ids.ts';
import { MAX_RECORD_BYTES } from '../../store/remote/flight-path.ts';
import type { Flight, Remote } from '../../store/remote/remote.ts';

/** What became of one start of a flight. */
export type FlightEnd =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly failure: Failure;
      /** Last 4 KiB of the log, masked. */
      readonly logTail: string;
      readonly durationMs: number;
      /** An input that the store has lost: whoever made it is to make it again. */
      readonly damaged?: { readonly digest: Digest; readonly damage: 'missing' | 'corrupt' };
    };

export function failedBy(failure: Failure): FlightEnd & { ok: false } {
  return { ok: false, failure, logTail: '', durationMs: 0 };
}

/** Starts without an end after which a task is taken for one that kills its workers. */
const MOST_STARTS = 3;
/** The same of starts that each brought its checkpoint further: a step whose checkpoint changes for ever is one, too. */
const MOST_ADVANCED_STARTS = 30;

/** Characters of a message, of which each may be six bytes as JSON. */
const MOST_SAID = 4000;

/** Written where a worker was told to end, or found nothing wrong: the start counts neither as an end nor as a death. */
const UNCOUNTED = 'preempted';

/** What the shared store knows of a flight. It is believed; the queue is not. */
export interface FlightRecords {
  /** How many workers have begun. */
  readonly starts: number;
  /** How many of them neither ended, nor were told to, nor gave what a later one was begun for again. */
  readonly lost: number;
  /** How many of those that are lost saved no checkpoint that went further than what they began with. */
  readonly stuck: number;
  /** Of the newest start, or of any that ended well; undefined while it is under way or its worker died. */
  readonly end: FlightEnd | undefined;
  readonly isCancelled: boolean;
}

export async function readFlight(remote: Remote, flight: Flight): Promise<FlightRecords> {
  const records = await remote.readRecords(flight);
  let [starts, end]: [number, FlightEnd | undefined] = [0, undefined];
  for (const name of records.keys()) {
    const nth = Number(/^start-(\d+)$/.exec(name)?.[1] ?? 0);
    starts = Math.max(starts, nth);
  }
  let [lost, stuck] = [0, 0];
  for (let nth = starts; nth > 0; nth -= 1) {
    const text = records.get(`end-${nth}`);
    const told = text === undefined ? undefined : readEnd(text);
    if (told === undefined) {
      lost += 1;
      if (!records.has(`advanced-${nth}`)) stuck += 1;
    } else if (told !== UNCOUNTED) end ??= told;
  }
  return { starts, lost, stuck, end, isCancelled: records.has('cancel') };
}

/** Whether a task is taken for one that kills its workers. */
export function isPoison({ lost, stuck }: FlightRecords): boolean {
  return stuck >= MOST_STARTS || lost >= MOST_ADVANCED_STARTS;
}

/** Undefined for what a loss of power left of a record. */
function readEnd(text: string): FlightEnd | typeof UNCOUNTED | undefined {
  if (text === UNCOUNTED) return UNCOUNTED;
  try {
    return JSON.parse(text) as FlightEnd;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Writes down that a worker begins, before it does.
 *
 * @param before starts that are known of
 * @returns which start of the flight it is, from 1 on
 */
export async function recordStart(
  remote: Remote,
  flight: Flight,
  worker: string,
  before: number,
): Promise<number> {
  for (let starts = before; ; starts += 1)
    if (await remote.writeRecord(flight, `start-${starts + 1}`, worker)) return starts + 1;
}

export async function recordEnd(remote: Remote, flight: Flight, nth: number, end: FlightEnd): Promise<void> {
  await remote.writeRecord(flight, `end-${nth}`, fitting(end));
}

/** A step may throw more than a record holds: the end of what it says is left out. */
function fitting(end: FlightEnd): string {
  const text = JSON.stringify(end);
  if (Buffer.byteLength(text) <= MAX_RECORD_BYTES || end.ok || end.failure.reason !== 'threw') return text;
  const { name, message } = end.failure.error;
  const error = { name: name.slice(0, MOST_SAID), message: message.slice(0, MOST_SAID) };
  return JSON.stringify({ ...end, failure: { reason: 'threw', error } });
}

/** What a start has saved is further than what it began with: should its worker die, the task is not to blame for it. */
export async function recordAdvance(remote: Remote, flight: Flight, nth: number): Promise<void> {
  await remote.writeRecord(flight, `advanced-${nth}`, '');
}

/** No worker died, and nothing failed: if another begins, this start does not count. */
export async function recordUncounted(remote: Remote, flight: Flight, nth: number): Promise<void> {
  await remote.writeRecord(flight, `end-${nth}`, UNCOUNTED);
}

/**
 * What a worker wrote down that it begins, whether or not it heard that it had, and could not do: as if it had not.
 *
 * @param before starts that it knew of
 */
export async function recordGivenBack(
  remote: Remote,
  flight: Flight,
  worker: string,
  before: number,
): Promise<void> {
  for (const [name, by] of await remote.readRecords(flight)) {
    const nth = Number(/^start-(\d+)$/.exec(name)?.[1] ?? 0);
    if (nth > before && by === worker) await recordUncounted(remote, flight, nth);
  }
}

/** Nobody waits for it any more: whoever runs it stops, and nobody begins again. */
export async function recordCancel(remote: Remote, flight: Flight): Promise<void> {
  await remote.writeRecord(flight, 'cancel', '');
}
