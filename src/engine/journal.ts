import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { RunEvent, Subscriber, Unstamped } from '../core/events.ts';
import { failpoint } from '../core/failpoint.ts';
import type { Clock } from '../core/world.ts';

/** Events whose loss would let an effect happen unseen: on disk before the run goes on. */
const SYNCED = new Set<RunEvent['type']>(['run.started', 'run.finished']);

/**
 * The run, as it is written down: one JSON line an event, in order. Subscribers hear of an event once it
 * has its number; what they do with it cannot end the run, but a journal that cannot be written does.
 */
export class Journal {
  readonly #fd: number;
  readonly #clock: Clock;
  readonly #subscribers: readonly Subscriber[];
  readonly #written: () => void;
  #seq = 0;
  #pending: string[] = [];

  private constructor(fd: number, clock: Clock, subscribers: readonly Subscriber[], written: () => void) {
    this.#fd = fd;
    this.#clock = clock;
    this.#subscribers = subscribers;
    this.#written = written;
  }

  /**
   * @param dir `runs/<id>/`
   * @param written called when all events so far are in the file
   */
  static create(dir: string, clock: Clock, subscribers: readonly Subscriber[], written: () => void): Journal {
    mkdirSync(dir, { recursive: true });
    const journal = new Journal(openSync(join(dir, 'events-1.jsonl'), 'wx'), clock, subscribers, written);
    failpoint('journal.created');
    return journal;
  }

  append(event: Unstamped): void {
    this.#seq += 1;
    const stamped = { ...event, seq: this.#seq, at: this.#clock.now() } as RunEvent;
    this.#pending.push(JSON.stringify(stamped));
    for (const subscriber of this.#subscribers) subscriber(stamped);
    if (SYNCED.has(event.type)) this.sync();
  }

  /** Writes what has come since the last call: once a turn of the driver's loop. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const bytes = Buffer.from(`${this.#pending.join('\n')}\n`);
    this.#pending = [];
    failpoint('journal.before-write');
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
    failpoint('journal.after-write');
    this.#written();
  }

  /** As `flush`, and through to the disk: before each effect. */
  sync(): void {
    this.flush();
    fsyncSync(this.#fd);
    failpoint('journal.after-sync');
  }

  close(): void {
    this.flush();
    closeSync(this.#fd);
  }
}
