import { ExitCode } from '../core/exit-code.ts';
import { textTable } from '../report/text/table.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { jsonLine } from './json-line.ts';
import { openRegistry } from './open-registry.ts';

/** `recipe models list` */
export async function execute({ options }: Parsed, context: Context): Promise<ExitCode> {
  await using project = await openRegistry(options, context);
  const models = await (await project.registry()).list();
  if (flag(options, 'json')) context.out(jsonLine(models));
  else {
    const rows = models.map(({ name, versions }) => [
      name,
      versions[0]?.version ?? '',
      versions.flatMap(({ version, aliases }) => aliases.map((alias) => `${alias} → ${version}`)).join(', '),
    ]);
    context.out(
      rows.length === 0 ? 'no registered models\n' : textTable(['model', 'newest', 'aliases'], rows),
    );
  }
  return ExitCode.ok;
}
