import { existsSync } from 'node:fs';
import type { Project } from '../compose.ts';
import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { livingMarks } from '../engine/active-runs.ts';
import { journalPath } from '../engine/read-journal.ts';
import { isAlive } from '../executors/local/process-identity.ts';
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
  // The process of a submitted run is its driver's, which has others too.
  const submitted = await cancelSubmitted(run?.name ?? wanted ?? '', project, context);
  if (submitted === undefined && run !== undefined) process.kill(run.process.pid, 'SIGINT');
  const id = submitted?.id ?? run?.name;
  if (id === undefined)
    throw new RecipeError('RUN_NOT_GOING_ON', { run: wanted, going: going.map(({ name }) => name) });
  const words = submitted?.outcome === 'cancelled' ? 'is cancelled' : 'is told to stop';
  context.out(flag(options, 'json') ? jsonLine({ run: id }) : `${id} ${words}\n`);
  return ExitCode.ok;
}

/** Undefined: none of the runs that were submitted is meant. */
async function cancelSubmitted(
  wanted: string,
  project: Project,
  context: Context,
): Promise<{ readonly id: string; readonly outcome: 'cancelled' | 'told' } | undefined> {
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
