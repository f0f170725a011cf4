import { ExitCode } from '../core/exit-code.ts';
import { formatNumber } from '../report/text/format.ts';
import { textTable } from '../report/text/table.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { findTrackedRun } from './find-tracked-run.ts';
import { jsonLine } from './json-line.ts';
import { openTracked } from './open-tracked.ts';

/** `recipe runs show ID` */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  await using project = await openTracked(options, context);
  await project.closeInterrupted((message) => context.err(`warning: ${message}\n`));
  const tracking = await project.tracking();
  const run = await findTrackedRun(tracking, args[0] ?? '');
  if (flag(options, 'json')) {
    const history: Record<string, unknown> = {};
    for (const key of Object.keys(run.metrics))
      history[key] = (await tracking.history(run.id, key)).map(({ step, timestamp, value }) => ({
        step,
        timestamp,
        value,
      }));
    context.out(jsonLine({ ...run, history }));
    return ExitCode.ok;
  }
  context.out(`${run.name}\nid ${run.id} · ${run.experiment} · ${run.status}\n\n`);
  const tables: [string[], string[][]][] = [
    [['metric', 'value'], Object.entries(run.metrics).map(([key, value]) => [key, formatNumber(value)])],
    [['parameter', 'value'], Object.entries(run.params)],
    [['tag', 'value'], Object.entries(run.tags)],
    [
      ['data set', 'context', 'digest'],
      run.datasets.map(({ name, context: use, digest }) => [name, use ?? '', digest.slice(0, 12)]),
    ],
    [
      ['artifact', 'kind', 'digest'],
      run.artifacts.map(({ path, kind, digest }) => [path, kind, digest.slice(0, 12)]),
    ],
    [['step', 'status', 'id'], run.children.map(({ name, status, id }) => [name, status, id.slice(0, 8)])],
  ];
  for (const [titles, rows] of tables) if (rows.length > 0) context.out(`${textTable(titles, rows)}\n`);
  return ExitCode.ok;
}
