import { ExitCode } from '../core/exit-code.ts';
import { formatDuration } from '../core/format-duration.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { textTable } from '../report/text/table.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { jsonLine } from './json-line.ts';
import { openTracked } from './open-tracked.ts';
import { cellOf, checkColumns, instant, titleOf } from './run-columns.ts';

const DEFAULT_COLUMNS = [
  'metrics.test_roc_auc',
  'metrics.test_root_mean_squared_error',
  'tags.stockpot.verdict',
];
const MAX_RUNS = 50_000;

/** `recipe runs list` */
export async function execute({ options }: Parsed, context: Context): Promise<ExitCode> {
  await using project = await openTracked(options, context);
  const limit = Number(text(options, 'limit') ?? 50);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_RUNS)
    throw new RecipeError('USAGE', {
      problem: `--limit is not a whole number from 1 to ${MAX_RUNS}`,
      command: 'runs list',
    });
  await project.closeInterrupted((message) => context.err(`warning: ${message}\n`));
  const tracking = await project.tracking();
  const { runs } = await tracking.search({
    where: text(options, 'where'),
    sort: text(options, 'sort'),
    limit,
    children: flag(options, 'steps'),
  });
  const asked = text(options, 'columns')
    ?.split(',')
    .map((column) => column.trim());
  if (asked !== undefined && runs.length > 0) checkColumns(asked, await tracking.keys());
  if (flag(options, 'json')) {
    context.out(jsonLine(runs));
    return ExitCode.ok;
  }
  const columns = asked ?? DEFAULT_COLUMNS.filter((column) => runs.some((run) => cellOf(run, column) !== ''));
  const rows = runs.map((run) => [
    run.id.slice(0, 8),
    run.name,
    run.status,
    instant(run.startTime),
    run.startTime === null || run.endTime === null ? '' : formatDuration(run.endTime - run.startTime),
    ...columns.map((column) => cellOf(run, column)),
  ]);
  context.out(
    rows.length === 0
      ? 'no runs\n'
      : textTable(['id', 'name', 'status', 'started (UTC)', 'took', ...columns.map(titleOf)], rows),
  );
  return ExitCode.ok;
}
