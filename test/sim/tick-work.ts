import type { TickRun } from '../../src/compose-ticks.ts';
import type { TickEnd } from '../../src/ledger/ticks.ts';
import type { Setting } from './course.ts';
import type { Machine } from './machines.ts';
import type { SimDisk } from './sim-disk.ts';
import type { SimLedger } from './sim-ledger.ts';
import type { SimProcess } from './sim-process.ts';
import { simScheduler } from './sim-scheduler.ts';
import type { TickWatch } from './tick-watch.ts';

/** What ticks run in a course, and what came of it. */
export class TickWork {
  readonly #setting: Setting;
  readonly #ledger: SimLedger;
  readonly #watch: TickWatch;
  /** What runs gave that schedules follow. */
  readonly #store: SimDisk | undefined;
  /** How often the run of a tick was begun. */
  readonly #begun = new Map<string, number>();
  /** What runs said of themselves. */
  readonly #said = new Map<string, TickEnd['state']>();
  /** What schedules look at that run only if it has changed: each change is one more. */
  readonly #data = new Map<string, number>();

  constructor(setting: Setting, ledger: SimLedger, watch: TickWatch, store?: SimDisk) {
    this.#setting = setting;
    this.#ledger = ledger;
    this.#watch = watch;
    this.#store = store;
  }

  /** What a schedule looks at changes. */
  change(schedule: string): void {
    const version = (this.#data.get(schedule) ?? 0) + 1;
    this.#data.set(schedule, version);
    this.#setting.timeline.note('data', `of ${schedule} is ${version}`);
  }

  /** A scheduler begins on a machine. */
  serve({ process }: Machine): void {
    const { timeline, random } = this.#setting;
    const note = (what: string): void => timeline.note(process.name, what);
    const scheduler = simScheduler(process, this.#ledger, async (tick) => this.#run(process, tick), {
      onEvent: ({ id }, { nominal, number, epoch }, end) =>
        note(`${id} ${nominal} ${number} of epoch ${epoch} is ${end?.state ?? 'running'} ${end?.note ?? ''}`),
      onWarning: note,
      store: this.#store,
    });
    process.after(random.below(1000), () => void scheduler.serve());
  }

  /** What a run does, as far as a scheduler sees it. */
  async #run(process: SimProcess, { schedule: { id, settings }, held }: TickRun): Promise<TickEnd> {
    const { random } = this.#setting;
    const { nominal, number, epoch } = held.tick;
    const key = `${id} ${nominal} ${number}`;
    const [ms, fails] = [random.below(40_000), random.below(5) === 0];
    const looks = settings.onlyIfChanged.length > 0;
    const seen = await process.answer(random.below(500), () =>
      looks ? `version ${this.#data.get(id) ?? 0}` : undefined,
    );
    if (seen !== undefined && (await held.isUnchanged(seen))) {
      this.#said.set(key, 'unchanged');
      return { state: 'unchanged', seen };
    }
    if (!(await held.name(`${key} ${epoch}`))) return { state: 'interrupted' };
    if (seen !== undefined) this.#watch.begins(held.tick, seen);
    this.#begun.set(key, (this.#begun.get(key) ?? 0) + 1);
    if (this.#begun.get(key) !== 1) this.#watch.violations.push(`T1 ${key} is run once more`);
    await process.clock.sleep(ms, held.signal).catch(() => {});
    const state = held.signal.aborted ? 'interrupted' : fails ? 'failed' : 'succeeded';
    this.#said.set(key, state);
    return { state, seen };
  }

  /** What became otherwise of ticks than it had to. */
  wrongTicks(): string[] {
    const { mood } = this.#setting;
    const found: string[] = [];
    for (const { key, state, note, epoch } of this.#watch.ticks) {
      const name = String(key);
      const said = this.#said.get(name);
      const isRun = state !== 'waiting' && state !== 'skipped';
      if (isRun && (state === 'interrupted' ? mood !== 'wild' : said !== state))
        found.push(`T10 ${name} is ${String(state)}, its run ${said ?? 'unheard of'}: ${String(note)}`);
      if (!isRun && this.#begun.has(name)) found.push(`T10 ${name} is ${state}, and was run`);
      if (mood === 'quiet' && Number(epoch) > 1)
        found.push(`T10 ${name} changed schedulers, and nothing was wrong`);
    }
    return found;
  }
}
