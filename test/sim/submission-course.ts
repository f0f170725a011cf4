import type { HeldSubmission } from '../../src/ledger/held-submission.ts';
import { type DriveEnd, SubmissionDriver } from '../../src/ledger/submission-driver.ts';
import { cancelSubmission, submit } from '../../src/ledger/submissions.ts';
import { type Course, type Setting, settingOf, spread } from './course.ts';
import { disturb, ledgerClockOf, type Machine, machineOf } from './machines.ts';
import { SimLedger } from './sim-ledger.ts';
import { SimProcess } from './sim-process.ts';
import { SubmissionWatch } from './submission-watch.ts';

const TROUBLE_MS = 90_000;
/** Whatever was accepted has ended so long after nothing goes wrong any more. */
const END_MS = TROUBLE_MS + 15 * 60_000;

interface DriverMachine extends Machine {
  readonly place: string;
  readonly remote: string | undefined;
}

/** Submitted runs, and drivers on machines that do not agree on the time: which die, stand still, and lose the ledger. */
export async function submissionCourse(seed: number): Promise<Course> {
  const setting = settingOf(seed);
  const { timeline, random, mood } = setting;
  const ledgerClock = ledgerClockOf(setting);
  using ledger = new SimLedger(ledgerClock);
  const terminal = new SimProcess('terminal', timeline, ledgerClock);
  const machines = Array.from({ length: 2 + random.below(3) }, (_, n) => ({
    ...machineOf(setting, `driver-${n}`),
    place: n % 2 === 0 ? 'a' : 'b',
    remote: 'shared',
  }));
  const watch = new SubmissionWatch(ledger, (process, row) => {
    const at = machines.find(({ name }) => process.name.startsWith(`${name}.`));
    return (
      at !== undefined &&
      (row['place'] === at.place || (row['remote'] !== null && row['remote'] === at.remote))
    );
  });
  const plans = new Map<string, RunPlan>();
  const count = 2 + random.below(6);
  for (let n = 0; n < count; n += 1) submitLater(setting, ledger, terminal, plans, `run-${n}`);
  const begin = (machine: DriverMachine): void => start(setting, ledger, machine, plans);
  for (const machine of machines) begin(machine);
  if (mood === 'deaf') ledger.lostAnswers = 10;
  const jump = (): void => ledgerClock.jump(spread(setting, 20_000));
  const disturbed = { until: TROUBLE_MS, longestPause: 30_000, ledger, machines, jump, start: begin };
  const trouble = mood === 'wild' ? disturb(setting, disturbed) : undefined;
  const isOver = (): boolean =>
    timeline.now > TROUBLE_MS && watch.rows.every(({ state }) => state !== 'waiting' && state !== 'running');
  const violations = watch.violations;
  if (!(await timeline.run(() => violations.length > 0 || isOver(), END_MS)))
    for (const { submission_id, state } of watch.rows)
      if (state === 'waiting' || state === 'running')
        violations.push(`S6 ${String(submission_id)} is ${state} long after nothing went wrong any more`);
  if (violations.length === 0) violations.push(...wrongEnds(ledger, plans, mood));
  return { seed, kind: 'submissions', trace: timeline.trace, violations, faults: trouble?.count ?? 0 };
}

/** What a run is to do: how long each of its steps takes, and whether the last one fails. */
interface RunPlan {
  readonly steps: readonly number[];
  readonly fails: boolean;
  isCancelled: boolean;
  /** Steps whose results are there. */
  readonly done: Set<number>;
}

function submitLater(
  { timeline, random }: Setting,
  ledger: SimLedger,
  terminal: SimProcess,
  plans: Map<string, RunPlan>,
  id: string,
): void {
  const steps = Array.from({ length: 1 + random.below(4) }, () => 100 + random.below(20_000));
  const plan = { steps, fails: random.below(5) === 0, isCancelled: false, done: new Set<number>() };
  plans.set(id, plan);
  const place = random.pick(['a', 'b']);
  const remote = random.below(2) === 0 ? 'shared' : undefined;
  const settings = { file: '', recipe: 'a', set: [], selection: {}, force: false, keepGoing: false, at: 0 };
  const accept = async (): Promise<void> => {
    await ledger.of(terminal).write((sql) =>
      submit(sql, {
        id,
        settings,
        place,
        remote,
        projectDir: '/',
        snapshot: '',
        submittedBy: 'me',
        owner: undefined,
        submittedAt: terminal.clock.now(),
      }),
    );
    timeline.note('terminal', `${id} is accepted`);
  };
  const ask = async (): Promise<void> => {
    const found = await ledger.of(terminal).write((sql) => cancelSubmission(sql, id, terminal.clock.now()));
    timeline.note('terminal', `${id} is to be cancelled: ${found}`);
  };
  const at = random.below(60_000);
  terminal.after(at, () => void accept().catch(() => {}));
  if (random.below(5) > 0) return;
  plan.isCancelled = true;
  terminal.after(at + 1000 + random.below(40_000), () => void ask().catch(() => {}));
}

function start(
  setting: Setting,
  ledger: SimLedger,
  machine: DriverMachine,
  plans: ReadonlyMap<string, RunPlan>,
): void {
  const { process } = machine;
  const note = (what: string): void => setting.timeline.note(process.name, what);
  const driver = new SubmissionDriver(
    {
      ledger: ledger.of(process),
      clock: process.clock,
      place: machine.place,
      remote: machine.remote,
      run: async (held) => drive(setting, process, held, plans),
    },
    {
      slots: 1 + setting.random.below(3),
      by: process.name,
      signal: process.signal,
      once: false,
      onChange: ({ id, epoch }, state, why) => note(`${id} of epoch ${epoch} is ${state} ${why ?? ''}`),
      onWarning: note,
    },
  );
  process.after(setting.random.below(1000), () => void driver.serve());
}

/** What a run does, as far as a driver sees it: steps one after another, whose results stay. */
async function drive(
  { random }: Setting,
  process: SimProcess,
  held: HeldSubmission,
  plans: ReadonlyMap<string, RunPlan>,
): Promise<DriveEnd> {
  const { id, epoch } = held.submission;
  const plan = plans.get(id);
  if (plan === undefined) throw new Error(`nobody submitted ${id}`);
  let seq = 0;
  const say = (message: string): void => {
    seq += 1;
    held.take({ type: 'run.warning', message, seq, at: process.clock.now() });
  };
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
  say('finished');
  return { state: plan.fails ? 'failed' : 'succeeded' };
}

/** What ended otherwise than it had to. */
function wrongEnds(ledger: SimLedger, plans: ReadonlyMap<string, RunPlan>, mood: Setting['mood']): string[] {
  const found: string[] = [];
  for (const row of ledger.rows('SELECT * FROM submissions')) {
    const id = String(row['submission_id']);
    const plan = plans.get(id);
    const state = String(row['state']);
    if (mood === 'quiet' && Number(row['epoch']) > 1)
      found.push(`S7 ${id} changed drivers, and nothing was wrong`);
    const told = ledger.rows(`SELECT DISTINCT epoch FROM submission_events WHERE submission_id = '${id}'`);
    // Who does not hear that it has a run does not begin it; who has begun one keeps it.
    if (mood === 'deaf' && told.length > 1)
      found.push(`S7 ${id} was begun by ${told.length} drivers that lived`);
    if (state === 'cancelled') {
      if (plan?.isCancelled !== true) found.push(`S8 ${id} is cancelled, and nobody asked for that`);
      continue;
    }
    if (String(row['note']).includes('drivers died')) continue;
    if (state !== (plan?.fails === true ? 'failed' : 'succeeded'))
      found.push(`S8 ${id} is ${state}: ${String(row['note'])}`);
    const said = ledger.rows(
      `SELECT seq, event FROM submission_events WHERE submission_id = '${id}' AND epoch = ${Number(row['epoch'])} ORDER BY seq`,
    );
    const isWhole = said.every(({ seq }, index) => seq === index + 1);
    if (!isWhole || !String(said.at(-1)?.['event']).includes('finished'))
      found.push(`S9 ${id} has ended, and not all that it said is written down`);
  }
  return found;
}
