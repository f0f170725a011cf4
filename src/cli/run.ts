import type { RunRequest } from '../compose.ts';
import type { RunEvent, RunFinished } from '../core/events.ts';
import { ExitCode } from '../core/exit-code.ts';
import type { Digest } from '../core/ids.ts';
import { CATALOGUE, RecipeError } from '../core/recipe-error.ts';
import { forceFlag } from '../engine/force-flag.ts';
import { collectVerdicts, readVerdict } from '../engine/verdicts.ts';
import { type Context, flag, list, type Parsed, text, warningsTo } from './context.ts';
import { openRecipe } from './open-project.ts';
import { runView } from './run-view.ts';

/** `recipe run` */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { options } = parsed;
  if (flag(options, 'dryRun')) return (await import('./status.ts')).execute(parsed, context);
  const { project: opened, plan } = await openRecipe(parsed, context);
  await using project = opened;
  const force = list(options, 'force');
  const json = flag(options, 'json');
  const verdicts = new Map<string, Digest>();
  const failures = new Set<ExitCode>();
  const request: RunRequest = {
    selection: { from: text(options, 'from'), until: text(options, 'until'), only: text(options, 'only') },
    flags: {
      force: forceFlag(plan, force.length === 0 ? false : force.includes('') ? true : force),
      keepGoing: flag(options, 'keepGoing'),
      jobs: jobs(text(options, 'jobs')),
      allowChangingInputs: flag(options, 'allowChangingInputs'),
    },
    isUnsafeRedis: flag(options, 'unsafeRedis'),
    offline: flag(options, 'offline'),
    signal: context.signal,
    onWarning: warningsTo(context),
    subscribers: [
      json ? jsonLines(context) : await runView(context),
      collectVerdicts(verdicts),
      collectFailures(failures),
    ],
  };
  const exit = exitOf(await project.run(plan, request), failures);
  if (exit !== ExitCode.ok || !flag(options, 'requireValidated')) return exit;
  const closed = [...verdicts].filter(([, digest]) => readVerdict(project.store, digest) !== 'VALIDATED');
  for (const [step, digest] of closed)
    context.err(
      `${step}: the verdict is ${readVerdict(project.store, digest)}, and --require-validated asks for VALIDATED\n`,
    );
  return closed.length === 0 ? ExitCode.ok : ExitCode.gateClosed;
}

function jsonLines({ out }: Context): (event: RunEvent) => void {
  return (event) => out(`${JSON.stringify(event)}\n`);
}

/** What each failed step would have ended the command with, had it been all of it. */
function collectFailures(found: Set<ExitCode>): (event: RunEvent) => void {
  return (event) => {
    if (event.type !== 'step.failed') return;
    const code = event.failure.reason === 'threw' ? event.failure.error.code : undefined;
    found.add(code !== undefined && isErrorCode(code) ? CATALOGUE[code].exit : ExitCode.stepFailed);
  };
}

function isErrorCode(code: string): code is keyof typeof CATALOGUE {
  return Object.hasOwn(CATALOGUE, code);
}

/** A run that failed for one kind of reason only, a server out of reach say, ends with the code of that. */
function exitOf({ outcome }: RunFinished, failures: ReadonlySet<ExitCode>): ExitCode {
  if (outcome === 'succeeded') return ExitCode.ok;
  if (outcome !== 'failed') return ExitCode.interrupted;
  const [only = ExitCode.stepFailed] = failures;
  return failures.size === 1 ? only : ExitCode.stepFailed;
}

function jobs(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const count = Number(value);
  if (!Number.isInteger(count) || count < 1)
    throw new RecipeError('USAGE', {
      problem: `--jobs ${value} is not a whole number from 1`,
      command: 'run',
    });
  return count;
}
