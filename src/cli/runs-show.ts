import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { formatNumber } from '../report/text/format.ts';
import { textTable } from '../report/text/table.ts';
import { findRun } from '../tracking/sqlite/search-runs.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { openProject } from './open-cache.ts';

/** `recipe runs show ID` */
export function execute({ args, options }: Parsed, context: Context): ExitCode {
  using project = openProject(context);
  const id = args[0] ?? '';
  const run = findRun(project.tracking.db, id);
  if (run === undefined) throw new RecipeError('TRACKED_RUN_NOT_FOUND', { id });
  if (flag(options, 'json')) context.out(`${JSON.stringify(run)}\n`);
  else {
    context.out(`${run.name}\nid ${run.id} · ${run.experiment} · ${run.status}\n\n`);
    const metrics = Object.entries(run.metrics).map(([key, value]) => [key, formatNumber(value)]);
    for (const [title, rows] of [
      ['metric', metrics],
      ['parameter', Object.entries(run.params)],
      ['tag', Object.entries(run.tags)],
    ] as const)
      if (rows.length > 0) context.out(`${textTable([title, 'value'], rows)}\n`);
  }
  return ExitCode.ok;
}
