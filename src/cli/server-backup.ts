import { resolve } from 'node:path';
import { type BackupReport, composeBackup } from '../compose-backup.ts';
import { ProjectHome } from '../compose-home.ts';
import { ExitCode } from '../core/exit-code.ts';
import { findProject } from '../recipe/address.ts';
import { formatBytes, formatCount } from '../report/text/format.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { databaseOf } from './database-of.ts';
import { jsonLine } from './json-line.ts';
import { withCache } from './with-cache.ts';

/** `recipe server backup`: exits 1 if files that the database names are lost. */
export async function execute(parsed: Parsed, asked: Context): Promise<ExitCode> {
  const context = withCache(parsed.options, asked);
  await using project = new ProjectHome(findProject(context.cwd) ?? context.cwd, context);
  const to = resolve(context.cwd, parsed.args[0] ?? '');
  const database = databaseOf(parsed, context, 'server backup');
  const report = await composeBackup(project, context, { to, database });
  context.out(flag(parsed.options, 'json') ? jsonLine(report) : describeBackup(report, `is in ${to}`));
  return report.lost.length === 0 ? ExitCode.ok : ExitCode.stepFailed;
}

/** What a backup holds, and what it lacks. */
export function describeBackup({ at, files, bytes, lost }: BackupReport, where: string): string {
  const lines = [
    `the database as of ${new Date(at).toISOString()} with ${formatCount(files)} files (${formatBytes(bytes)}) ${where}`,
    ...(lost.length === 0 ? [] : [`lost: the bytes of ${formatCount(lost.length)} files that it names`]),
    ...lost.slice(0, 10).map((digest) => `  ${digest}`),
  ];
  return `${lines.join('\n')}\n`;
}
