import { resolve } from 'node:path';
import { composeRestore } from '../compose-backup.ts';
import { ProjectHome } from '../compose-home.ts';
import { ExitCode } from '../core/exit-code.ts';
import { findProject } from '../recipe/address.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { databaseOf } from './database-of.ts';
import { jsonLine } from './json-line.ts';
import { describeBackup } from './server-backup.ts';
import { withCache } from './with-cache.ts';

/** `recipe server restore`: exits 1 if files that the database names are lost. */
export async function execute(parsed: Parsed, asked: Context): Promise<ExitCode> {
  const context = withCache(parsed.options, asked);
  await using project = new ProjectHome(findProject(context.cwd) ?? context.cwd, context);
  const from = resolve(context.cwd, parsed.args[0] ?? '');
  const database = databaseOf(parsed, context, 'server restore');
  const report = await composeRestore(project, { from, database });
  context.out(flag(parsed.options, 'json') ? jsonLine(report) : describeBackup(report, 'is here'));
  return report.lost.length === 0 ? ExitCode.ok : ExitCode.stepFailed;
}
