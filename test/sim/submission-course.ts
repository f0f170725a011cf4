import { type Course, settingOf, spread } from './course.ts';
import { disturb, ledgerClockOf, machineOf } from './machines.ts';
import { SimLedger } from './sim-ledger.ts';
import { SimProcess } from './sim-process.ts';
import { SubmissionWatch } from './submission-watch.ts';
import { type DriverMachine, SubmissionWork } from './submission-work.ts';

const TROUBLE_MS = 90_000;
/** Whatever was accepted has ended so long after nothing goes wrong any more. */
const END_MS = TROUBLE_MS + 15 * 60_000;

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
  const work = new SubmissionWork(setting, ledger);
  const count = 2 + random.below(6);
  for (let n = 0; n < count; n += 1) work.submitLater(terminal, `run-${n}`);
  const begin = (machine: DriverMachine): void => work.serve(machine);
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
  if (violations.length === 0) violations.push(...work.wrongEnds());
  return { seed, kind: 'submissions', trace: timeline.trace, violations, faults: trouble?.count ?? 0 };
}
