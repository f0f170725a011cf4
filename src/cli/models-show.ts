import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { textTable } from '../report/text/table.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { openProject } from './open-cache.ts';

/** `recipe models show NAME` */
export function execute({ args, options }: Parsed, context: Context): ExitCode {
  using project = openProject(context);
  const name = args[0] ?? '';
  const { registry } = project.tracking;
  const versions = registry.versions(name);
  if (versions.length === 0) throw new RecipeError('MODEL_NOT_FOUND', { model: name });
  const history = registry.history(name);
  if (flag(options, 'json')) context.out(`${JSON.stringify({ name, versions, history })}\n`);
  else {
    const when = (at: number): string => new Date(at).toISOString().slice(0, 19).replace('T', ' ');
    const rows = versions.map((one) => [
      one.version,
      one.aliases.join(', '),
      one.tags['stockpot.verdict'] ?? '',
      when(one.createdAt),
      one.modelDigest.slice(0, 12),
      (one.runId ?? '').slice(0, 8),
    ]);
    context.out(textTable(['version', 'aliases', 'verdict', 'registered (UTC)', 'digest', 'run'], rows));
    context.out(
      `\n${textTable(
        ['when (UTC)', 'who', 'what', 'before', 'after'],
        history.map((row) => [when(row.at), row.actor, row.action, row.before ?? '', row.after ?? '']),
      )}`,
    );
  }
  return ExitCode.ok;
}
