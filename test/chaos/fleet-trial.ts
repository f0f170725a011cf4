import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunEvent } from '../../src/core/events.ts';
import { completeResults } from '../rigs/check-home.ts';
import { eventsOf, type Outcome, outcomes } from '../rigs/cli-rig.ts';
import type { Trial } from './findings.ts';
import type { FleetArena } from './fleet-arena.ts';
import { type FleetFault, faultsOf } from './fleet-faults.ts';
import { checkRest, checkShared, differences, givenBy, pending } from './fleet-oracle.ts';
import { LONGEST, STEPS } from './fleet-recipe.ts';
import { Random } from './random.ts';
import { until } from './until.ts';

/** What is planned for a trial. */
export interface FleetCourse {
  readonly faults: readonly FleetFault[];
  readonly workers: number;
  /** Seconds that the longest step takes: some are longer than a lock. */
  readonly longest: number;
  /** Whether the last run is begun on a machine that has nothing. */
  readonly moves: boolean;
  /** Whether nothing happens before a worker runs the longest step; it may happen before the run has begun, if it is not said. */
  readonly isUnderway?: boolean;
}

const RUN_MS = 90_000;
const STEP_FAILED = 1;
/** How a run ends that finds no Redis when it begins. */
const OUT_OF_REACH = 69;
const MOST_FAULTS = 4;
/** A fault begins so long after the one before it at the most. */
const MOST_APART_MS = 2500;

export async function randomFleetTrial(seed: number, arena: FleetArena): Promise<Trial> {
  const random = new Random(seed);
  const faults = Array.from({ length: 1 + random.below(MOST_FAULTS) }, () => random.pick(faultsOf(arena)));
  const course = {
    faults,
    workers: 2 + random.below(2),
    longest: random.next() < 0.3 ? 9 : 0.4,
    moves: random.next() < 0.5,
  };
  return fleetTrial({ seed, random, arena, course });
}

/** A run that is disturbed as planned, then one that is not; then what does not hold. */
export async function fleetTrial({
  seed,
  random,
  arena,
  course: { faults, workers, longest, moves, isUnderway = false },
}: {
  readonly seed: number;
  readonly random: Random;
  readonly arena: FleetArena;
  readonly course: FleetCourse;
}): Promise<Trial> {
  await arena.change({ n: seed, longest });
  await arena.staff(workers);
  const ofTrial = (): string[] => arena.executedOnFleet.filter(({ n }) => n === seed).map(({ step }) => step);

  const onOneMachine = arena.alone.events();
  // It is waited for at the end: should it fail, nobody listens before.
  onOneMachine.catch(() => {});
  arena.begin(arena.here);
  if (isUnderway)
    await until('a worker runs the longest step', () =>
      arena.workers.some((worker) => arena.runningOn(worker).includes(LONGEST)),
    );
  const happened = await disturb(arena, random, faults);
  const { isLate, outcome } = (await arena.driver?.endWithin(RUN_MS)) ?? NOT_BEGUN;
  const violations = isLate
    ? [`F1 the disturbed run does not end: ${lastOf(outcome)}`]
    : outcome.exit === 0 ||
        (outcome.exit === STEP_FAILED && happened.some(({ fault }) => fault.fails === true)) ||
        (outcome.exit === OUT_OF_REACH && happened.some(({ fault }) => mayRefuse(fault, arena)))
      ? []
      : [`F1 the disturbed run ends with ${String(outcome.exit)}: ${lastOf(outcome)}`];

  const locally = await onOneMachine;
  const expected = givenBy(locally);
  if (expected.size !== STEPS) throw new Error(`a run on one machine ends with ${expected.size} steps`);
  const waiting = await pending(arena);
  const fingerprints = fingerprintsOf(locally);
  const isInjured = happened.some(({ fault }) => fault.injures === true);
  const committed = committedIn(arena, outcome, isInjured);
  const before = ofTrial().length;
  const last = await arena.begin(moves ? arena.there : arena.here).endWithin(RUN_MS);
  if (last.isLate || last.outcome.exit !== 0)
    violations.push(
      `F1 the last run ${last.isLate ? 'does not end' : `ends with ${String(last.outcome.exit)}`}: ${lastOf(last.outcome)}`,
    );
  const events = eventsOf(last.outcome.out);
  violations.push(...differences(givenBy(events), expected));
  const rest = await checkRest(arena);
  violations.push(
    ...ofTrial()
      .slice(before)
      .filter(
        (step) => committed.has(fingerprints.get(step) ?? '') && !waiting.has(fingerprints.get(step) ?? ''),
      )
      .map((step) => `F4 ${step} is executed again, though its result was there`),
    ...(happened.some(({ fault }) => fault.repeats) ? [] : repeatedOf(ofTrial())),
    ...checkShared(arena),
    ...rest,
  );
  return {
    what: [
      `${workers} workers, a step of ${longest} s${moves ? ', the last run elsewhere' : ''}`,
      ...happened.map(({ fault, what }) => `${fault.name} (${what})`),
    ],
    faults: happened.map(({ fault }) => fault.name),
    violations,
  };
}

/** What a submitted run needs is put into the shared cache, or it is refused; any other run waits for that. */
function mayRefuse({ refuses, of }: FleetFault, { crew }: FleetArena): boolean {
  return refuses === true || (of === 'store' && crew !== undefined);
}

/**
 * Fingerprints whose result is there: as it lies in a folder, else as the disturbed run has said, of which nothing is known
 * where blobs were lost.
 */
function committedIn(
  { shared }: FleetArena,
  { out }: Outcome,
  isInjured: boolean,
): { has: (fingerprint: string) => boolean } {
  if (existsSync(shared)) return completeResults(shared);
  return new Set(isInjured ? [] : fingerprintsOf(eventsIn(out)).values());
}

interface Happened {
  readonly fault: FleetFault;
  readonly what: string;
}

/** Begins faults one after the other, and waits until all are over; those of one thing take turns. */
async function disturb(
  arena: FleetArena,
  random: Random,
  faults: readonly FleetFault[],
): Promise<readonly Happened[]> {
  const happened: Happened[] = [];
  const turns = new Map<FleetFault['of'], Promise<void>>();
  // Drawn before anything happens: what happens meanwhile does not change what comes.
  const plan = faults.map((fault) => ({
    fault,
    afterMs: random.below(MOST_APART_MS),
    random: new Random(random.below(2 ** 31)),
  }));
  for (const { fault, afterMs, random } of plan) {
    await sleep(afterMs);
    const turn = inTurn(turns.get(fault.of), fault, random);
    turns.set(fault.of, turn);
    turn.catch(() => {});
  }
  await Promise.all(turns.values());
  return happened;

  async function inTurn(before: Promise<void> | undefined, fault: FleetFault, random: Random): Promise<void> {
    await before;
    const what = await fault.happen(arena, random);
    if (what !== undefined) happened.push({ fault, what });
  }
}

/** Nothing that happened makes a fleet do anything twice. */
function repeatedOf(steps: readonly string[]): string[] {
  return [...new Set(steps)].flatMap((step) => {
    const times = steps.filter((one) => one === step).length;
    return times === 1 ? [] : [`F3 ${step} is executed ${times} times, though no worker died`];
  });
}

function fingerprintsOf(events: readonly RunEvent[]): ReadonlyMap<string, string> {
  return new Map(
    events.flatMap((event) =>
      event.type === 'step.succeeded' ? [[event.step, event.fingerprint] as const] : [],
    ),
  );
}

/** So many of the last events of a run that went wrong are shown. */
const TOLD = 40;

const NOT_BEGUN = { isLate: false, outcome: { exit: undefined, signal: undefined, out: '', err: '' } };

/** What became of each step, and the last words of a run. */
function lastOf({ out, err }: Outcome): string {
  const events = eventsIn(out);
  const telling = events.filter(({ type }) => !/^step\.(?:output|cached|succeeded|exited)$/.test(type));
  const said = telling.slice(-TOLD).map((event) => `\n    ${JSON.stringify(event).slice(0, 400)}`);
  return `${JSON.stringify(outcomes(events))}${said.join('')}\n    ${err.slice(0, 1000)}`;
}

/** What a run has said, which may have been killed in the middle of a line. */
function eventsIn(out: string): readonly RunEvent[] {
  return out.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as RunEvent];
    } catch {
      return [];
    }
  });
}
