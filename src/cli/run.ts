import type { RunRequest } from '../compose.ts';
import type { RunEvent } from '../core/events.ts';
import { ExitCode } from '../core/exit-code.ts';
import type { Digest } from '../core/ids.ts';
import { forceFlag } from '../engine/force-flag.ts';
import { collectVerdicts, readVerdict } from '../engine/verdicts.ts';
import { type Context, flag, type Parsed, text, warningsTo } from './context.ts';
import { countOption } from './count-option.ts';
import { openRecipe } from './open-project.ts';
import { RunExit } from './run-exit.ts';
import { forced, selectionOf } from './run-options.ts';
import { runView } from './run-view.ts';

/** `recipe run` */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { options } = parsed;
  if (flag(options, 'dryRun')) return (await import('./status.ts')).execute(parsed, context);
  if (flag(options, 'submit')) return (await import('./submit.ts')).execute(parsed, context);
  const { project: opened, plan } = await openRecipe(parsed, context);
  await using project = opened;
  const json = flag(options, 'json');
  const verdicts = new Map<string, Digest>();
  const exits = new RunExit();
  const request: RunRequest = {
    selection: selectionOf(options),
    flags: {
      force: forceFlag(plan, forced(options)),
      keepGoing: flag(options, 'keepGoing'),
      jobs: countOption('--jobs', text(options, 'jobs'), 'run'),
      allowChangingInputs: flag(options, 'allowChangingInputs'),
    },
    isUnsafeRedis: flag(options, 'unsafeRedis'),
    offline: flag(options, 'offline'),
    signal: context.signal,
    onWarning: warningsTo(context),
    subscribers: [json ? jsonLines(context) : await runView(context), collectVerdicts(verdicts), exits.take],
  };
  const exit = exits.of(await project.run(plan, request));
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
