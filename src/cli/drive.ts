import { hostname } from 'node:os';
import { Project } from '../compose.ts';
import { type ProjectDriveRequest, SubmittedRuns } from '../compose-driver.ts';
import { ledgerOf } from '../compose-ledger.ts';
import type { DriveState } from '../ledger/submission-driver.ts';
import { findProject } from '../recipe/address.ts';
import { type Context, warningsTo } from './context.ts';
import { jsonLine } from './json-line.ts';

/** Drives runs that were submitted in this folder, or to the ledger and cache that the environment names. */
export async function driveSubmitted(
  {
    json,
    ...request
  }: Pick<ProjectDriveRequest, 'slots' | 'once' | 'isUnsafeRedis'> & { readonly json: boolean },
  context: Context,
): Promise<void> {
  await using project = new Project(findProject(context.cwd) ?? context.cwd, context);
  await using ledger = await ledgerOf(project, context);
  const by = `${hostname()} ${context.pid}`;
  const driver = new SubmittedRuns(ledger, project, context, {
    ...request,
    by,
    signal: context.signal,
    onWarning: warningsTo(context),
    onChange: ({ id, epoch, settings: { recipe } }, state, note) =>
      json
        ? context.out(jsonLine({ type: 'run', run: id, recipe, epoch, state, note }))
        : context.err(`run ${id} of ${recipe} ${WORDS[state]}${note === undefined ? '' : `: ${note}`}\n`),
  });
  if (json) context.out(jsonLine({ type: 'ready', driver: by, drives: request.slots }));
  else
    context.err(
      `driver ${by} takes submitted runs, ${request.slots} at once. Ctrl-C gives back what it has.\n`,
    );
  await driver.serve();
}

const WORDS: Readonly<Record<DriveState, string>> = {
  running: 'is driven here',
  waiting: 'waits',
  'given-back': 'is given back: another driver goes on with it',
  lost: 'is no longer driven here',
  succeeded: 'succeeded',
  failed: 'failed',
  cancelled: 'was cancelled',
};
