import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { promote } from '../engine/promotion.ts';
import { nearest } from '../recipe/nearest.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { jsonLine } from './json-line.ts';
import { openTracked } from './open-tracked.ts';

/** `recipe models promote NAME@ALIAS`, or NAME/VERSION: points another alias to it. */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  await using project = await openTracked(options, context);
  const model = args[0] ?? '';
  const match = /^(.+?)(?:@([\w-]+)|\/(\d{1,15}))$/.exec(model);
  if (match === null)
    throw new RecipeError('USAGE', {
      problem: `${model} is neither NAME@ALIAS nor NAME/VERSION`,
      command: 'models promote',
    });
  const [, name = '', from, number = ''] = match;
  const alias = text(options, 'to') ?? 'champion';
  const registry = await project.registry();
  const version = await registry.find(name, from === undefined ? { version: number } : { alias: from });
  if (version === undefined) {
    const models = await registry.list();
    const known = models.flatMap(({ name: one, versions }) =>
      versions.flatMap((each) => [
        `${one}/${each.version}`,
        ...each.aliases.map((other) => `${one}@${other}`),
      ]),
    );
    throw new RecipeError('MODEL_NOT_FOUND', { model, nearest: nearest(model, known) });
  }
  const { before, pending } = await promote(registry, version, alias);
  const outcome = {
    model: name,
    alias,
    before: before ?? null,
    after: version.version,
    ...(pending === undefined ? {} : { pending }),
  };
  if (pending !== undefined && !flag(options, 'json')) {
    context.out(
      `${name}: ${alias} → version ${version.version} is pending: somebody else approves it with \`recipe models approve ${pending}\`\n`,
    );
    return ExitCode.ok;
  }
  const was = before === undefined || before === version.version ? '' : ` (before: ${before})`;
  context.out(
    flag(options, 'json') ? jsonLine(outcome) : `${name}: ${alias} → version ${version.version}${was}\n`,
  );
  return ExitCode.ok;
}
