import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { formatDuration, formatNumber } from '../report/text/format.ts';
import { textTable } from '../report/text/table.ts';
import { searchRuns, type TrackedRun } from '../tracking/sqlite/search-runs.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { openProject } from './open-cache.ts';

const DEFAULT_COLUMNS = [
  'metrics.test_roc_auc',
  'metrics.test_root_mean_squared_error',
  'tags.stockpot.verdict',
];

/** `recipe runs list` */
export function execute({ options }: Parsed, context: Context): ExitCode {
  using project = openProject(context);
  const limit = Number(text(options, 'limit') ?? 50);
  if (!Number.isInteger(limit) || limit < 1)
    throw new RecipeError('USAGE', { problem: '--limit is not a whole number from 1', command: 'runs list' });
  const runs = searchRuns(project.tracking.db, {
    where: text(options, 'where'),
    sort: text(options, 'sort'),
    limit,
    children: flag(options, 'steps'),
  });
  if (flag(options, 'json')) {
    context.out(`${JSON.stringify(runs)}\n`);
    return ExitCode.ok;
  }
  const wanted = text(options, 'columns')?.split(',') ?? DEFAULT_COLUMNS;
  const columns = wanted.filter((column) => runs.some((run) => cell(run, column) !== ''));
  const rows = runs.map((run) => [
    run.id.slice(0, 8),
    run.name,
    run.status,
    run.startTime === null ? '' : new Date(run.startTime).toISOString().slice(0, 19).replace('T', ' '),
    run.startTime === null || run.endTime === null ? '' : formatDuration(run.endTime - run.startTime),
    ...columns.map((column) => cell(run, column)),
  ]);
  context.out(
    rows.length === 0
      ? 'no runs\n'
      : textTable(
          [
            'id',
            'name',
            'status',
            'started (UTC)',
            'took',
            ...columns.map((column) => column.replace(/^\w+\./, '')),
          ],
          rows,
        ),
  );
  return ExitCode.ok;
}

function cell(run: TrackedRun, column: string): string {
  const [group = '', ...rest] = column.trim().split('.');
  const key = rest.join('.');
  if (group === 'metrics') return run.metrics[key] === undefined ? '' : formatNumber(run.metrics[key]);
  return (group === 'params' ? run.params[key] : group === 'tags' ? run.tags[key] : undefined) ?? '';
}
