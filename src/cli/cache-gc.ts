import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { keptFingerprints } from '../engine/history.ts';
import { parseSize } from '../recipe/read-value.ts';
import { formatBytes, formatCount } from '../report/text/format.ts';
import { collectGarbage, defaultMaxBytes } from '../store/gc.ts';
import { listBlobs } from '../store/walk-cache.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { openProject } from './open-cache.ts';

/** `recipe cache gc` */
export async function execute({ options }: Parsed, context: Context): Promise<ExitCode> {
  await using project = openProject(context);
  const { store } = project;
  const wanted = text(options, 'maxSize');
  const limit = wanted === undefined ? undefined : parseSize(wanted);
  if (wanted !== undefined && limit === undefined)
    throw new RecipeError('USAGE', {
      problem: `--max-size ${wanted} is not a size such as 10GB`,
      command: 'cache gc',
    });
  const used = listBlobs(store.layout).reduce((sum, { size }) => sum + size, 0);
  const dryRun = flag(options, 'dryRun');
  const outcome = collectGarbage(store, {
    maxBytes: limit ?? defaultMaxBytes(store, used),
    now: context.world.clock.now(),
    dryRun,
    kept: keptFingerprints(store.index),
  });
  const { results, blobs, flights, bytesBefore, bytesAfter } = outcome;
  const old = flights === 0 ? '' : `, and ${formatCount(flights)} flights of more than a week`;
  context.out(
    flag(options, 'json')
      ? `${JSON.stringify(outcome)}\n`
      : `${dryRun ? 'would remove' : 'removed'} ${formatCount(results)} results and ${formatCount(blobs)} blobs: ${formatBytes(bytesBefore)} → ${formatBytes(bytesAfter)}${old}\n`,
  );
  return ExitCode.ok;
}
