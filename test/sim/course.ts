import { Random } from '../chaos/random.ts';
import { Timeline } from './timeline.ts';

/** What a course of things was, and what of it may not be. */
export interface Course {
  readonly seed: number;
  readonly kind: string;
  readonly trace: readonly string[];
  readonly violations: readonly string[];
  /** Things that went wrong on purpose. */
  readonly faults: number;
}

/** So many courses of one kind have one in which nothing goes wrong but clocks. */
const QUIET_EACH = 4;

export interface Setting {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly isQuiet: boolean;
}

export function settingOf(seed: number): Setting {
  const random = new Random(seed);
  return { timeline: new Timeline(random), random, isQuiet: seed % QUIET_EACH === 0 };
}

/** Lets something go wrong every few seconds until an instant, by what `faults` offers. Counts. */
export class Trouble {
  count = 0;

  constructor(
    { timeline, random }: Setting,
    until: number,
    faults: readonly [() => void, ...(() => void)[]],
  ) {
    const next = (): void =>
      timeline.after(500 + random.below(12_000), () => {
        if (timeline.now >= until) return;
        this.count += 1;
        random.pick(faults)();
        next();
      });
    next();
  }
}
