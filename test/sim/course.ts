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

/**
 * What goes wrong in a course: nothing but clocks; nothing but that commits are not heard of; all there is. By what is
 * left of the seed.
 */
const MOODS = ['quiet', 'deaf', 'wild', 'wild'] as const;

export interface Setting {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly mood: (typeof MOODS)[number];
}

export function settingOf(seed: number): Setting {
  const random = new Random(seed);
  return { timeline: new Timeline(random), random, mood: MOODS[seed % MOODS.length] ?? 'wild' };
}

/** From -most to most. */
export function spread({ random }: Setting, most: number): number {
  return Math.floor((2 * random.next() - 1) * most);
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
