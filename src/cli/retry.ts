import { Submissions } from '../compose-submissions.ts';
import { ExitCode } from '../core/exit-code.ts';
import { type Context, flag, type Parsed, warningsTo } from './context.ts';
import { openTracked } from './open-tracked.ts';
import { sayAccepted } from './submit.ts';

/** `recipe retry RUN`: the same recipe, code and inputs again; what was done is not repeated. */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  await using project = await openTracked(options, context);
  await using submissions = await Submissions.open(project, context);
  const { id, remote } = await submissions.retry(await submissions.find(args[0]), warningsTo(context));
  sayAccepted(id, remote, { json: flag(options, 'json'), context });
  return ExitCode.ok;
}
