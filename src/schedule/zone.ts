const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** A zone changes its offset: local clocks jump from `at + before` to `at + after`. */
export interface Transition {
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

/** The local clock of an IANA time zone. Instants and offsets in milliseconds; offsets are whole minutes. */
export class Zone {
  readonly #format: Intl.DateTimeFormat;
  /** Offsets at the beginnings of days in UTC, by number of the day. */
  readonly #offsets = new Map<number, number>();

  /** @throws RangeError if there is no such zone */
  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    });
  }

  /** What is added to an instant to get local time, written as if it were UTC. */
  offsetAt(instant: number): number {
    const day = Math.floor(instant / DAY_MS);
    const before = this.#offsetOfDay(day);
    if (before === this.#offsetOfDay(day + 1)) return before;
    return this.#measure(instant);
  }

  /** The change of offset after `from` and not after `to`, if there is one: never two within two days. */
  transition(from: number, to: number): Transition | undefined {
    const before = this.offsetAt(from);
    const after = this.offsetAt(to);
    if (before === after) return undefined;
    let [low, high] = [Math.floor(from / MINUTE_MS), Math.ceil(to / MINUTE_MS)];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.offsetAt(middle * MINUTE_MS) === before) low = middle;
      else high = middle;
    }
    return { at: high * MINUTE_MS, before, after };
  }

  /**
   * The instant at which the local clock shows `local`: the first of two, and the end of the gap for a time
   * that does not exist.
   */
  instantOf(local: number): number {
    const change = this.transition(local - DAY_MS, local + DAY_MS);
    if (change === undefined) return local - this.offsetAt(local);
    const { at, before, after } = change;
    if (local - before < at) return local - before;
    return Math.max(at, local - after);
  }

  #offsetOfDay(day: number): number {
    const known = this.#offsets.get(day);
    if (known !== undefined) return known;
    const offset = this.#measure(day * DAY_MS);
    this.#offsets.set(day, offset);
    return offset;
  }

  #measure(instant: number): number {
    const parts: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(instant)) parts[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = parts;
    const local = Date.UTC(year, month - 1, day, hour, minute);
    return local - Math.floor(instant / MINUTE_MS) * MINUTE_MS;
  }
}
