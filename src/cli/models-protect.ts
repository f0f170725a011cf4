import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { choice } from './choice.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { jsonLine } from './json-line.ts';
import { openRegistry } from './open-registry.ts';
import { refusing } from './refusing.ts';

/** `recipe models protect NAME` */
export async function protect(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { args, options } = parsed;
  const name = args[0] ?? '';
  const alias = text(options, 'alias') ?? 'champion';
  const required = text(options, 'require');
  const requires =
    required === undefined ? null : choice('--require', ['validated'], required, 'models protect');
  const approvers = (text(options, 'approvers') ?? '').split(',').flatMap((one) => one.trim() || []);
  if (approvers.length === 0)
    throw new RecipeError('USAGE', {
      problem: 'Say who approves, as in --approvers group:risk,user:ann',
      command: 'models protect',
    });
  await using project = await openRegistry(options, context);
  const approvals = await project.approvals();
  await refusing(() => approvals.protect(name, { alias, requires, approvers }));
  if (flag(options, 'json')) context.out(jsonLine({ name, alias, requires, approvers }));
  else context.out(`${name}: ${alias} moves only when ${approvers.join(' or ')} approves\n`);
  return ExitCode.ok;
}

/** `recipe models unprotect NAME` */
export async function unprotect(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { args, options } = parsed;
  const name = args[0] ?? '';
  const alias = text(options, 'alias') ?? 'champion';
  await using project = await openRegistry(options, context);
  const approvals = await project.approvals();
  await refusing(() => approvals.unprotect(name, alias));
  if (flag(options, 'json')) context.out(jsonLine({ name, alias, unprotected: true }));
  else context.out(`${name}: ${alias} moves freely\n`);
  return ExitCode.ok;
}
