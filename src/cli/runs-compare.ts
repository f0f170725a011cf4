import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { formatNumber } from '../report/text/format.ts';
import { textTable } from '../report/text/table.ts';
import { findRun } from '../tracking/sqlite/search-runs.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { openProject } from './open-cache.ts';

/** `recipe runs compare A B`: what differs, side by side. */
export function execute({ args, options }: Parsed, context: Context): ExitCode {
  using project = openProject(context);
  const [a, b] = [args[0] ?? '', args[1] ?? ''].map((id) => {
    const run = findRun(project.tracking.db, id);
    if (run === undefined) throw new RecipeError('TRACKED_RUN_NOT_FOUND', { id });
    return run;
  });
  if (a === undefined || b === undefined) return ExitCode.internal;
  const params = keys(a.params, b.params)
    .map((key) => ({ key, a: a.params[key] ?? null, b: b.params[key] ?? null }))
    .filter((row) => row.a !== row.b);
  const metrics = keys(a.metrics, b.metrics).map((key) => ({
    key,
    a: a.metrics[key] ?? null,
    b: b.metrics[key] ?? null,
  }));
  if (flag(options, 'json')) context.out(`${JSON.stringify({ a: a.id, b: b.id, params, metrics })}\n`);
  else {
    const text = (value: number | null): string => (value === null ? '' : formatNumber(value));
    context.out(
      params.length === 0
        ? 'the same parameters\n\n'
        : `${textTable(
            ['parameter', a.name, b.name],
            params.map((row) => [row.key, row.a ?? '', row.b ?? '']),
          )}\n`,
    );
    context.out(
      textTable(
        ['metric', a.name, b.name, 'change'],
        metrics.map((row) => [
          row.key,
          text(row.a),
          text(row.b),
          row.a === null || row.b === null ? '' : text(row.b - row.a),
        ]),
      ),
    );
  }
  return ExitCode.ok;
}

function keys(a: object, b: object): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].toSorted((x, y) => (x < y ? -1 : 1));
}
