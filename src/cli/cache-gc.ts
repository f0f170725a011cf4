import { collectHomeCheckpoints } from '../compose-gc.ts';
import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { keptResults } from '../engine/kept-results.ts';
import type { CheckpointsGone } from '../engine/old-checkpoints.ts';
import { parseSize } from '../recipe/read-value.ts';
import { formatBytes, formatCount } from '../report/text/format.ts';
import { collectGarbage, defaultMaxBytes, type GcOutcome } from '../store/gc.ts';
import { listBlobs } from '../store/walk-cache.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { jsonLine } from './json-line.ts';
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
  // Before results go that they are measured by.
  const checkpoints = collectHomeCheckpoints(project, context, { dryRun });
  const outcome = collectGarbage(store, {
    maxBytes: limit ?? defaultMaxBytes(store, used),
    now: context.world.clock.now(),
    dryRun,
    kept: keptResults(project.home, store.index),
  });
  if (flag(options, 'json')) {
    context.out(jsonLine({ ...outcome, checkpoints }));
    return ExitCode.ok;
  }
  const { results, blobs, bytesBefore, bytesAfter } = outcome;
  const others = besideTheCache(outcome, checkpoints);
  context.out(
    `${dryRun ? 'would remove' : 'removed'} ${formatCount(results)} results and ${formatCount(blobs)} blobs: ${formatBytes(bytesBefore)} → ${formatBytes(bytesAfter)}${others.length === 0 ? '' : `, and ${others.join(', ')}`}\n`,
  );
  return ExitCode.ok;
}

/** What else went. */
function besideTheCache(
  { flights }: GcOutcome,
  { count, leftovers, notes, bytes }: CheckpointsGone,
): string[] {
  const folders = [
    ...(count === 0 ? [] : [`${formatCount(count)} checkpoints`]),
    ...(leftovers === 0 ? [] : [`${formatCount(leftovers)} leftovers of checkpoints`]),
  ];
  return [
    ...(flights === 0 ? [] : [`${formatCount(flights)} flights of more than a week`]),
    ...(folders.length === 0 ? [] : [`${folders.join(' and ')} (${formatBytes(bytes)})`]),
    ...(notes === 0 ? [] : [`${formatCount(notes)} notes of checkpoints`]),
  ];
}
