import { ExitCode } from '../core/exit-code.ts';
import { formatBytes, formatCount } from '../report/text/format.ts';
import { checkCache, type Finding } from '../store/fsck.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { openProject } from './open-cache.ts';

/** `recipe cache fsck` */
export async function execute({ options }: Parsed, context: Context): Promise<ExitCode> {
  await using project = openProject(context);
  const json = flag(options, 'json');
  const shows = context.isTerminal && !json;
  const outcome = await checkCache(project.store, (done, total) => {
    if (shows) context.err(`\r${formatBytes(done)} of ${formatBytes(total)} checked `);
  });
  if (shows) context.err('\n');
  if (json) context.out(`${JSON.stringify(outcome)}\n`);
  else {
    for (const finding of outcome.findings) context.out(`${describe(finding)}\n`);
    context.out(
      `${formatCount(outcome.blobs)} blobs (${formatBytes(outcome.bytes)}) and ${formatCount(outcome.results)} results checked: ${outcome.findings.length === 0 ? 'no damage' : `${outcome.findings.length} damaged`}\n`,
    );
  }
  return outcome.findings.length === 0 ? ExitCode.ok : ExitCode.stepFailed;
}

function describe(finding: Finding): string {
  switch (finding.kind) {
    case 'blob-corrupt':
      return `corrupt blob ${finding.digest}, set aside: what needs it will be made again`;
    case 'result-unreadable':
      return `unreadable result ${finding.fingerprint}`;
    case 'result-incomplete':
      return `result ${finding.fingerprint} of ${finding.step} lacks a blob: the step will run again`;
  }
}
