import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { openProject } from './open-cache.ts';

/** `recipe models promote NAME@ALIAS`, or NAME/VERSION: points another alias to it. */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  using project = openProject(context);
  const model = args[0] ?? '';
  const match = /^(.+?)(?:@([\w-]+)|\/(\d+))$/.exec(model);
  if (match === null)
    throw new RecipeError('USAGE', {
      problem: `${model} is neither NAME@ALIAS nor NAME/VERSION`,
      command: 'models promote',
    });
  const [, name = '', from, number = ''] = match;
  const alias = text(options, 'to') ?? 'champion';
  const { registry } = project.tracking;
  const version = await registry.find(name, from === undefined ? { version: number } : { alias: from });
  if (version === undefined) throw new RecipeError('MODEL_NOT_FOUND', { model });
  const before = await registry.find(name, { alias });
  const moved = await registry.moveAlias({
    name,
    alias,
    version: version.version,
    expected: before?.version,
  });
  if (!moved.moved)
    throw new RecipeError('ALIAS_MOVED', { model: name, alias, version: moved.version ?? '(none)' });
  const outcome = { model: name, alias, before: before?.version ?? null, after: version.version };
  context.out(
    flag(options, 'json')
      ? `${JSON.stringify(outcome)}\n`
      : `${name}: ${alias} → version ${version.version}${before === undefined ? '' : ` (before: ${before.version})`}\n`,
  );
  return ExitCode.ok;
}
