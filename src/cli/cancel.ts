import { existsSync } from 'node:fs';
import type { Project } from '../compose.ts';
import { ledgerOf } from '../compose-ledger.ts';
import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { livingMarks } from '../engine/active-runs.ts';
import { journalPath } from '../engine/read-journal.ts';
import { isAlive } from '../executors/local/process-identity.ts';
import { cancelTick } from '../ledger/cancelled-ticks.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { jsonLine } from './json-line.ts';
import { openTracked } from './open-tracked.ts';

/** `recipe cancel`: what ends is said by the run itself, where it was started, or to whom is attached to it. */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  await using project = await openTracked(options, context);
  // A worker may share the folder.
  const going = livingMarks(project.home, isAlive).filter(({ name }) =>
    existsSync(journalPath(project.home, name)),
  );
  const [wanted] = args;
  const found = going.filter(({ name }) => name.startsWith(wanted ?? ''));
  const [run] = found;
  if (found.length > 1 || (run === undefined && wanted === undefined))
    throw new RecipeError('RUN_NOT_GOING_ON', { run: wanted, going: going.map(({ name }) => name) });
  // The process of a submitted run is its driver's, that of a tick's its scheduler's, and both have others too.
  const told =
    run?.process.hasOthers === false
      ? undefined
      : await cancelInLedger(run?.name ?? wanted ?? '', project, context);
  if (told === undefined && run?.process.hasOthers === true)
    throw new RecipeError('RUN_OF_ANOTHER_LEDGER', { run: run.name, pid: run.process.pid });
  if (told === undefined && run !== undefined) process.kill(run.process.pid, 'SIGINT');
  const id = told?.id ?? run?.name;
  if (id === undefined)
    throw new RecipeError('RUN_NOT_GOING_ON', { run: wanted, going: going.map(({ name }) => name) });
  const words = told?.outcome === 'cancelled' ? 'is cancelled' : 'is told to stop';
  context.out(flag(options, 'json') ? jsonLine({ run: id }) : `${id} ${words}\n`);
  return ExitCode.ok;
}

interface Told {
  readonly id: string;
  readonly outcome: 'cancelled' | 'told';
}

/** Undefined: there is no such run. */
async function cancelInLedger(start: string, project: Project, context: Context): Promise<Told | undefined> {
  return (await cancelSubmitted(start, project, context)) ?? cancelScheduled(start, project, context);
}

/** Undefined: none of the runs that were submitted is meant. */
async function cancelSubmitted(
  wanted: string,
  project: Project,
  context: Context,
): Promise<Told | undefined> {
  const { Submissions } = await import('../compose-submissions.ts');
  await using submissions = await Submissions.open(project, context);
  const found = await submissions.desk.search(wanted);
  const [only] = found;
  if (only === undefined) return undefined;
  if (found.length > 1)
    throw new RecipeError('RUN_NOT_SUBMITTED', { run: wanted, found: found.map(({ id }) => id) });
  const outcome = await submissions.desk.cancel(only.id);
  if (outcome === undefined) throw new RecipeError('RUN_ENDED', { run: only.id, state: only.state });
  return { id: only.id, outcome };
}

/** Undefined: none of the runs of schedules is meant. */
async function cancelScheduled(start: string, project: Project, context: Context): Promise<Told | undefined> {
  await using ledger = await ledgerOf(project, context);
  const { dir: projectDir, user: by } = project;
  const found = await ledger.write((sql) => cancelTick(sql, { projectDir, start, by }));
  const [id] = found;
  if (found.length > 1) throw new RecipeError('RUN_NOT_GOING_ON', { run: start, going: found });
  return id === undefined ? undefined : { id, outcome: 'told' };
}
