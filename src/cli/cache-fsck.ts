import { ExitCode } from '../core/exit-code.ts';
import { formatBytes, formatCount } from '../report/text/format.ts';
import { checkCache, type Finding } from '../store/fsck.ts';
import type { RemoteFinding } from '../store/remote/check-remote.ts';
import { listResults } from '../store/walk-cache.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { openProject } from './open-cache.ts';
import { counter, openShared } from './open-shared.ts';

/** `recipe cache fsck` */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { options } = parsed;
  if (flag(options, 'remote')) return checkShared(parsed, context);
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

async function checkShared(parsed: Parsed, context: Context): Promise<ExitCode> {
  await using opening = await openShared(parsed, context);
  const { project, shared } = opening;
  const { store } = project;
  const read = counter(parsed, context, 'checked');
  const known = listResults(store.layout, store.results).map(({ fingerprint }) => fingerprint);
  const outcome = await shared.check(known, read.add);
  read.end();
  opening.whole();
  const { findings, results, blobs } = outcome;
  if (flag(parsed.options, 'json')) context.out(`${JSON.stringify({ ...outcome, bytes: read.bytes() })}\n`);
  else {
    for (const finding of findings) context.out(`${describeRemote(finding)}\n`);
    context.out(
      `${formatCount(blobs)} blobs (${formatBytes(read.bytes())}) and ${formatCount(results)} results in ${shared.remote.name} checked: ${findings.length === 0 ? 'no damage' : `${findings.length} damaged`}\n`,
    );
  }
  return findings.length === 0 ? ExitCode.ok : ExitCode.stepFailed;
}

function describeRemote(finding: RemoteFinding): string {
  switch (finding.kind) {
    case 'blob-missing':
      return `missing blob ${finding.digest} of the result ${finding.fingerprint}`;
    case 'blob-corrupt':
      return `corrupt blob ${finding.digest} of the result ${finding.fingerprint}: a forced run of its step mends it`;
    case 'result-unreadable':
      return `unreadable result ${finding.fingerprint}`;
    case 'result-not-accepted':
      return `result ${finding.fingerprint} is signed by nobody whom \`accept:\` lists`;
  }
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
