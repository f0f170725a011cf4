import type { Digest, Fingerprint, StepId } from '../../src/core/ids.ts';
import type { HeldSubmission } from '../../src/ledger/held-submission.ts';
import { type DriveEnd, SubmissionDriver } from '../../src/ledger/submission-driver.ts';
import { cancelSubmission, submit } from '../../src/ledger/submissions.ts';
import { NOWHERE } from '../rigs/ledger-scheduler.ts';
import type { Setting } from './course.ts';
import type { Machine } from './machines.ts';
import type { SimLedger } from './sim-ledger.ts';
import type { SimProcess } from './sim-process.ts';

export interface DriverMachine extends Machine {
  readonly place: string;
  readonly remote: string | undefined;
}

/** What a run is to do: how long each of its steps takes, and whether the last one fails. */
interface RunPlan {
  readonly steps: readonly number[];
  readonly fails: boolean;
  readonly recipe: string;
  /** It leaves steps out: it is no run of the whole recipe. */
  readonly isPart: boolean;
  /** What it gives in the end. */
  readonly value: Digest | undefined;
  isCancelled: boolean;
  /** Steps whose results are there. */
  readonly done: Set<number>;
}

/** What of runs decides whether something follows them. */
export type Given = Partial<Pick<RunPlan, 'recipe' | 'isPart' | 'value'>>;

/** Submitted runs of a course, what they do, and what came of them. */
export class SubmissionWork {
  readonly #setting: Setting;
  readonly #ledger: SimLedger;
  readonly #plans = new Map<string, RunPlan>();

  constructor(setting: Setting, ledger: SimLedger) {
    this.#setting = setting;
    this.#ledger = ledger;
  }

  planOf(id: string): RunPlan {
    const plan = this.#plans.get(id);
    if (plan === undefined) throw new Error(`nobody submitted ${id}`);
    return plan;
  }

  /** Somebody submits a run, and cancels some. */
  submitLater(terminal: SimProcess, id: string, { recipe = 'a', isPart = false, value }: Given = {}): void {
    const { timeline, random } = this.#setting;
    const steps = Array.from({ length: 1 + random.below(4) }, () => 100 + random.below(20_000));
    const fails = random.below(5) === 0;
    const plan = { steps, fails, recipe, isPart, value, isCancelled: false, done: new Set<number>() };
    this.#plans.set(id, plan);
    const place = random.pick(['a', 'b']);
    const remote = random.below(2) === 0 ? 'shared' : undefined;
    const selection = isPart ? { only: 'step' } : {};
    const settings = { file: '', recipe, set: [], selection, force: false, keepGoing: false, at: 0 };
    const ledger = this.#ledger.of(terminal);
    const accept = async (): Promise<void> => {
      await ledger.write((sql) =>
        submit(sql, {
          id,
          settings,
          place,
          remote,
          projectDir: NOWHERE,
          snapshot: '',
          submittedBy: 'me',
          owner: undefined,
          submittedAt: terminal.clock.now(),
        }),
      );
      timeline.note('terminal', `${id} is accepted`);
    };
    const ask = async (): Promise<void> => {
      const found = await ledger.write((sql) => cancelSubmission(sql, id, terminal.clock.now()));
      timeline.note('terminal', `${id} is to be cancelled: ${found}`);
    };
    const at = random.below(60_000);
    terminal.after(at, () => void accept().catch(() => {}));
    if (random.below(5) > 0) return;
    plan.isCancelled = true;
    terminal.after(at + 1000 + random.below(40_000), () => void ask().catch(() => {}));
  }

  /** A driver begins on a machine. */
  serve({ process, place, remote }: DriverMachine): void {
    const { timeline, random } = this.#setting;
    const note = (what: string): void => timeline.note(process.name, what);
    const driver = new SubmissionDriver(
      {
        ledger: this.#ledger.of(process),
        clock: process.clock,
        place,
        remote,
        run: async (held) => this.#drive(process, held),
      },
      {
        slots: 1 + random.below(3),
        by: process.name,
        signal: process.signal,
        once: false,
        onChange: ({ id, epoch }, state, why) => note(`${id} of epoch ${epoch} is ${state} ${why ?? ''}`),
        onWarning: note,
      },
    );
    process.after(random.below(1000), () => void driver.serve());
  }

  /** What a run does, as far as a driver sees it: steps one after another, whose results stay. */
  async #drive(process: SimProcess, held: HeldSubmission): Promise<DriveEnd> {
    const { random } = this.#setting;
    const { id, epoch } = held.submission;
    const plan = this.planOf(id);
    let seq = 0;
    const stamp = (): { seq: number; at: number } => {
      seq += 1;
      return { seq, at: process.clock.now() };
    };
    const say = (message: string): void => held.take({ type: 'run.warning', message, ...stamp() });
    await held.name(`${id} ${epoch}`);
    say('begins');
    for (const [step, ms] of plan.steps.entries()) {
      if (plan.done.has(step)) say(`step ${step} cached`);
      else {
        say(`step ${step} started`);
        await process.clock.sleep(ms, held.signal).catch(() => {});
        if (held.signal.aborted) break;
        plan.done.add(step);
        say(`step ${step} ended`);
      }
      // It takes a moment to learn that it is to stop.
      if (random.below(3) === 0) await process.answer(random.below(50), () => {});
    }
    if (held.signal.aborted) return held.isCancelled ? { state: 'cancelled' } : 'given-back';
    if (plan.value !== undefined)
      held.take({
        type: 'step.succeeded',
        step: 'last' as StepId,
        fingerprint: plan.value as string as Fingerprint,
        outputs: { value: { digest: plan.value, size: 1, kind: 'value' } },
        durationMs: 1,
        published: true,
        ...stamp(),
      });
    say('finished');
    return { state: plan.fails ? 'failed' : 'succeeded' };
  }

  /** What ended otherwise than it had to. */
  wrongEnds(): string[] {
    const { mood } = this.#setting;
    const found: string[] = [];
    for (const row of this.#ledger.rows('SELECT * FROM submissions')) {
      const id = String(row['submission_id']);
      const plan = this.planOf(id);
      const state = String(row['state']);
      if (mood === 'quiet' && Number(row['epoch']) > 1)
        found.push(`S7 ${id} changed drivers, and nothing was wrong`);
      const told = this.#ledger.rows(
        `SELECT DISTINCT epoch FROM submission_events WHERE submission_id = '${id}'`,
      );
      // Who does not hear that it has a run does not begin it; who has begun one keeps it.
      if (mood === 'deaf' && told.length > 1)
        found.push(`S7 ${id} was begun by ${told.length} drivers that lived`);
      if (state === 'cancelled') {
        if (!plan.isCancelled) found.push(`S8 ${id} is cancelled, and nobody asked for that`);
        continue;
      }
      if (String(row['note']).includes('drivers died')) continue;
      if (state !== (plan.fails ? 'failed' : 'succeeded'))
        found.push(`S8 ${id} is ${state}: ${String(row['note'])}`);
      const said = this.#ledger.rows(
        `SELECT seq, event FROM submission_events WHERE submission_id = '${id}' AND epoch = ${Number(row['epoch'])} ORDER BY seq`,
      );
      const isWhole = said.every(({ seq }, index) => seq === index + 1);
      if (!isWhole || !String(said.at(-1)?.['event']).includes('finished'))
        found.push(`S9 ${id} has ended, and not all that it said is written down`);
    }
    return found;
  }
}
