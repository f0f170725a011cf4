import { resolve } from 'node:path';
import { ProjectHome } from '../compose-home.ts';
import { composeImport } from '../compose-import.ts';
import { ExitCode } from '../core/exit-code.ts';
import { findProject } from '../recipe/address.ts';
import { formatCount } from '../report/text/format.ts';
import { textTable } from '../report/text/table.ts';
import type { ImportReport } from '../tracking/import/import-mlflow.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { databaseOf } from './database-of.ts';
import { jsonLine } from './json-line.ts';
import { withCache } from './with-cache.ts';

/** `recipe server import`: exits 1 if something here is another than at the source. */
export async function execute(parsed: Parsed, asked: Context): Promise<ExitCode> {
  const context = withCache(parsed.options, asked);
  const { args, options } = parsed;
  await using project = new ProjectHome(findProject(context.cwd) ?? context.cwd, context);
  const artifacts = text(options, 'artifacts');
  const report = await composeImport(project, context, {
    cwd: context.cwd,
    source: args[0] ?? '',
    database: databaseOf(parsed, context, 'server import'),
    artifacts: artifacts === undefined || artifacts === 'none' ? artifacts : resolve(context.cwd, artifacts),
    isDryRun: flag(options, 'dryRun'),
    onProgress: progressOf(context),
  });
  context.out(flag(options, 'json') ? jsonLine(report) : describe(report));
  return report.findings.some(({ kind }) => kind === 'conflict') ? ExitCode.stepFailed : ExitCode.ok;
}

/** One line that changes in place, on a terminal. */
function progressOf({ isTerminal, err }: Context): (done: number, of: number) => void {
  if (!isTerminal) return () => undefined;
  return (done, of) =>
    err(`\r${formatCount(done)} of ${formatCount(of)} runs\u001B[K${done >= of ? '\r\u001B[K' : ''}`);
}

function describe(report: ImportReport): string {
  const { isDryRun, format, mapped, findings, leftOut } = report;
  const rows = SORTS.map(([key, name]) => {
    const { imported, there, conflicts } = report[key];
    return [name, formatCount(imported), formatCount(there), formatCount(conflicts)];
  });
  const lines = [
    `${format}${isDryRun ? ': nothing was written' : ''}`,
    textTable(['', isDryRun ? 'would be imported' : 'imported', 'already here', 'conflicts'], rows).trimEnd(),
    ...(isDryRun
      ? []
      : [`${formatCount(report.metrics)} points of metrics, ${formatCount(report.files)} files`]),
    ...mapped.map(({ name, from, to }) => `experiment ${name}: ${from} is ${to} here`),
    ...findings.flatMap(({ kind, problem, count, examples }) => [
      `${kind}: ${formatCount(count)} × ${problem}`,
      ...examples.map((one) => `  ${one}`),
    ]),
    ...leftOut.map(({ what, count }) => `left out: ${formatCount(count)} rows of ${what}`),
  ];
  return `${lines.join('\n')}\n`;
}

const SORTS = [
  ['experiments', 'experiments'],
  ['runs', 'runs'],
  ['loggedModels', 'logged models'],
  ['traces', 'traces'],
  ['assessments', 'assessments'],
  ['registeredModels', 'registered models'],
  ['versions', 'model versions'],
] as const;
