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
  if (run === undefined && wanted !== undefined) return cancelSubmitted(wanted, project, options, context);
  if (run === undefined || found.length > 1)
    throw new RecipeError('RUN_NOT_GOING_ON', { run: wanted, going: going.map(({ name }) => name) });
  process.kill(run.process.pid, 'SIGINT');
  context.out(flag(options, 'json') ? jsonLine({ run: run.name }) : `${run.name} is told to stop\n`);
  return ExitCode.ok;
}

async function cancelSubmitted(
  wanted: string,
  project: Project,
  options: Parsed['options'],
  context: Context,
): Promise<ExitCode> {
  const { Submissions } = await import('../compose-submissions.ts');
  await using submissions = await Submissions.open(project, context);
  const found = await submissions.find(wanted);
  const outcome = await submissions.cancel(found);
  if (outcome === undefined) throw new RecipeError('RUN_ENDED', { run: found.id, state: found.state });
  const words = outcome === 'told' ? 'is told to stop' : 'is cancelled';
  context.out(flag(options, 'json') ? jsonLine({ run: found.id }) : `${found.id} ${words}\n`);
  return ExitCode.ok;
}
