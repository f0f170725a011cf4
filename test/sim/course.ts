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

/** When courses begin, by what is left of the seed: on a quiet day, and just before clocks are set in some zone. */
const EPOCHS = [
  Date.UTC(2027, 0, 1),
  // Europe/Berlin: two o'clock is three.
  Date.UTC(2027, 2, 28, 0, 58),
  // America/New_York: two o'clock is one.
  Date.UTC(2027, 10, 7, 5, 58),
  // Australia/Lord_Howe: two o'clock is half past one.
  Date.UTC(2027, 3, 3, 14, 58),
] as const;
/** Their zones, in the same order. */
const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'] as const;

export interface Setting {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly mood: (typeof MOODS)[number];
  readonly zone: (typeof ZONES)[number];
}

export function settingOf(seed: number): Setting {
  const random = new Random(seed);
  const nth = Math.floor(seed / MOODS.length) % EPOCHS.length;
  return {
    timeline: new Timeline(random, EPOCHS[nth] ?? EPOCHS[0]),
    random,
    mood: MOODS[seed % MOODS.length] ?? 'wild',
    zone: ZONES[nth] ?? ZONES[0],
  };
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
