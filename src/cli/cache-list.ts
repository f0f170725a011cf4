import { ExitCode } from '../core/exit-code.ts';
import { formatDuration } from '../core/format-duration.ts';
import { checkpointUse } from '../engine/kept-folders.ts';
import { formatBytes, formatCount } from '../report/text/format.ts';
import { textTable } from '../report/text/table.ts';
import { listBlobs, listResults } from '../store/walk-cache.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { openProject } from './open-cache.ts';

/** `recipe cache list` */
export async function execute({ options }: Parsed, context: Context): Promise<ExitCode> {
  await using project = openProject(context);
  const { store } = project;
  const results = listResults(store.layout, store.results)
    .flatMap(({ result }) => (result === undefined ? [] : [result]))
    .toSorted((a, b) => b.producer.at - a.producer.at);
  const bytes = listBlobs(store.layout).reduce((sum, { size }) => sum + size, 0);
  const checkpoints = checkpointUse(project.home);
  if (flag(options, 'json')) context.out(`${JSON.stringify({ bytes, checkpoints, results })}\n`);
  else {
    const rows = results
      .slice(0, 100)
      .map(({ fingerprint, producer, outputs }) => [
        producer.step,
        fingerprint.slice(0, 12),
        new Date(producer.at).toISOString().slice(0, 19).replace('T', ' '),
        formatDuration(producer.durationMs),
        formatBytes(Object.values(outputs).reduce((sum, { size }) => sum + size, 0)),
      ]);
    context.out(textTable(['step', 'fingerprint', 'made (UTC)', 'took', 'size'], rows));
    context.out(`${formatCount(results.length)} results, ${formatBytes(bytes)} in ${store.layout.root}\n`);
    if (checkpoints.count > 0)
      context.out(
        `${formatCount(checkpoints.count)} checkpoints, ${formatBytes(checkpoints.bytes)} beside it\n`,
      );
  }
  return ExitCode.ok;
}
