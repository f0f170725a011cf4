import type { Digest, Fingerprint } from '../../src/core/ids.ts';
import { LOCK_MS } from '../../src/executors/fleet/names.ts';
import type { SimProcess } from './sim-process.ts';
import type { Timeline } from './timeline.ts';

interface Begun {
  readonly nth: string;
  readonly by: SimProcess;
  readonly at: number;
}

/** What was written of one try at a task. */
interface FlightLog {
  readonly fingerprint: Fingerprint;
  readonly starts: Begun[];
  /** How those ended, by number, that did. */
  readonly ends: Map<string, string>;
  isCancelled: boolean;
}

/** Starts that nobody ended, after which a task may be taken for one that kills its workers. */
const POISON = 3;

/** What really happened in a course, as nobody in it knows it. */
export class FlightStory {
  readonly #timeline: Timeline;
  readonly #flights = new Map<string, FlightLog>();
  readonly #makers = new Map<Digest, string>();
  /** How often something of what a step gave was lost or damaged. */
  readonly #injuries = new Map<string, number>();
  /** Until when a process was not to be relied on: it stood still or reached nobody, for longer than it may. */
  readonly #doubtful = new Map<SimProcess, number>();
  #redisForgotAt = -1;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  flight(nonce: string, fingerprint: Fingerprint): FlightLog {
    const flight = this.#flights.get(nonce) ?? {
      fingerprint,
      starts: [],
      ends: new Map<string, string>(),
      isCancelled: false,
    };
    this.#flights.set(nonce, flight);
    return flight;
  }

  made(digest: Digest, step: string): void {
    this.#makers.set(digest, step);
  }

  injured(digest: Digest): void {
    const step = this.#makers.get(digest);
    if (step !== undefined) this.#injuries.set(step, this.injuriesOf(step) + 1);
  }

  injuriesOf(step: string): number {
    return this.#injuries.get(step) ?? 0;
  }

  /** A process does nothing, or reaches nobody, for so long. */
  doubt(process: SimProcess, ms: number): void {
    if (ms > LOCK_MS / 2)
      this.#doubtful.set(process, Math.max(this.#doubtful.get(process) ?? 0, this.#timeline.now + ms));
  }

  redisForgot(): void {
    this.#redisForgotAt = this.#timeline.now;
  }

  wasCancelled(fingerprint: Fingerprint): boolean {
    return this.#of(fingerprint).some(({ isCancelled }) => isCancelled);
  }

  /** Whether of one flight so many workers were lost that it may be taken for poison. */
  isPoison(fingerprint: Fingerprint): boolean {
    return this.#of(fingerprint).some(({ starts, ends }) => {
      const lost = starts.filter((start) => !ends.has(start.nth) && this.#mayBeLost(start));
      return lost.length >= POISON;
    });
  }

  tellStarts(fingerprint: Fingerprint): string {
    return this.#of(fingerprint)
      .flatMap(({ starts, ends }) =>
        starts.map(
          ({ nth, by, at }) =>
            `${nth} by ${by.name} at ${Math.round(at)} ${ends.has(nth) ? 'ended' : by.wasKilled ? 'killed' : 'is left open'}`,
        ),
      )
      .join(', ');
  }

  /** Its worker died, or others had reason to believe so. */
  #mayBeLost({ by, at }: Begun): boolean {
    return by.wasKilled || (this.#doubtful.get(by) ?? -1) >= at || this.#redisForgotAt >= at;
  }

  #of(fingerprint: Fingerprint): FlightLog[] {
    return [...this.#flights.values()].filter((flight) => flight.fingerprint === fingerprint);
  }
}
