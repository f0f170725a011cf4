import { ExitCode } from '../core/exit-code.ts';
import { formatNumber } from '../report/text/format.ts';
import { textTable } from '../report/text/table.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { findTrackedRun } from './find-tracked-run.ts';
import { jsonLine } from './json-line.ts';
import { openTracked } from './open-tracked.ts';

/** `recipe runs compare A B`: what differs, side by side. */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  await using project = await openTracked(options, context);
  await project.closeInterrupted((message) => context.err(`warning: ${message}\n`));
  const tracking = await project.tracking();
  const a = await findTrackedRun(tracking, args[0] ?? '');
  const b = await findTrackedRun(tracking, args[1] ?? '');
  const params = keys(a.params, b.params)
    .map((key) => ({ key, a: a.params[key] ?? null, b: b.params[key] ?? null }))
    .filter((row) => row.a !== row.b);
  const metrics = keys(a.metrics, b.metrics).map((key) => ({
    key,
    a: a.metrics[key] ?? null,
    b: b.metrics[key] ?? null,
  }));
  if (flag(options, 'json')) {
    context.out(jsonLine({ a: a.id, b: b.id, params, metrics }));
    return ExitCode.ok;
  }
  const number = (value: number | null): string => (value === null ? '' : formatNumber(value));
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
        number(row.a),
        number(row.b),
        row.a === null || row.b === null ? '' : number(row.b - row.a),
      ]),
    ),
  );
  return ExitCode.ok;
}

function keys(a: object, b: object): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].toSorted((x, y) => (x < y ? -1 : 1));
}
