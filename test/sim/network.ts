import type { SimProcess } from './sim-process.ts';
import type { Timeline } from './timeline.ts';

/** What processes of a course reach over a network: it takes a moment, is away now and then, or cut off from one of them. */
export class Service {
  readonly timeline: Timeline;
  readonly #name: string;
  readonly #cut: Set<SimProcess>;
  #awayUntil = 0;
  /** Called when it goes away, and when it is there again. */
  onAway: () => void = () => {};
  onBack: () => void = () => {};
  /** Of a hundred answers, so many are lost. */
  lostAnswers = 0;

  /** @param cut processes that reach nothing */
  constructor(name: string, timeline: Timeline, cut: Set<SimProcess>) {
    this.#name = name;
    this.timeline = timeline;
    this.#cut = cut;
  }

  isReachedBy(process: SimProcess): boolean {
    return this.timeline.now >= this.#awayUntil && !this.#cut.has(process);
  }

  goAway(ms: number): void {
    const until = this.timeline.now + ms;
    if (until <= this.#awayUntil) return;
    this.#awayUntil = until;
    this.onAway();
    this.timeline.note(this.#name, `is away for ${Math.round(ms)} ms`);
    this.timeline.after(ms, () => {
      if (this.timeline.now < this.#awayUntil) return;
      this.timeline.note(this.#name, 'is back');
      this.onBack();
    });
  }

  /**
   * Does something there, in one instant, and answers.
   *
   * @throws what `lost` gives, if it is away, or the answer is lost
   */
  async ask<T>(process: SimProcess, work: () => T, lost: () => Error): Promise<T> {
    const { random } = this.timeline;
    const fail = (): never => {
      throw lost();
    };
    await process.answer(random.below(10), () => {});
    if (!this.isReachedBy(process)) return process.answer(random.below(2000), fail);
    const value = work();
    const isHeard = random.below(100) >= this.lostAnswers;
    return process.answer(random.below(10), () => (isHeard && this.isReachedBy(process) ? value : fail()));
  }
}
