import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { nearest } from '../recipe/nearest.ts';
import { textTable } from '../report/text/table.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { jsonLine } from './json-line.ts';
import { openRegistry } from './open-registry.ts';
import { instant } from './run-columns.ts';
import { whoAsked } from './who-asked.ts';

/** `recipe models show NAME` */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  await using project = await openRegistry(options, context);
  const name = args[0] ?? '';
  const registry = await project.registry();
  const versions = await registry.versions(name);
  if (versions.length === 0) {
    const names = (await registry.list()).map((model) => model.name);
    if (!names.includes(name))
      throw new RecipeError('MODEL_NOT_FOUND', { model: name, nearest: nearest(name, names) });
  }
  const history = await registry.changes(name);
  if (flag(options, 'json')) {
    context.out(jsonLine({ name, versions, history }));
    return ExitCode.ok;
  }
  const rows = versions.map((one) => [
    one.version,
    one.aliases.join(', '),
    one.tags['stockpot.verdict'] ?? '',
    instant(one.createdAt),
    one.modelDigest?.slice(0, 12) ?? '',
    (one.runId ?? '').slice(0, 8),
  ]);
  context.out(textTable(['version', 'aliases', 'verdict', 'registered (UTC)', 'digest', 'run'], rows));
  context.out(
    `\n${textTable(
      ['when (UTC)', 'who', 'what', 'before', 'after'],
      history.map((row) => [
        instant(row.at),
        whoAsked(row.actor, row.for),
        row.action,
        row.before ?? '',
        row.after ?? '',
      ]),
    )}`,
  );
  return ExitCode.ok;
}
