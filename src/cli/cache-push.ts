import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { formatBytes, formatCount } from '../report/text/format.ts';
import { listResults } from '../store/walk-cache.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { counter, openShared } from './open-shared.ts';
import { unlessInterrupted } from './unless-interrupted.ts';

/** `recipe cache push` */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  await using opening = await openShared(parsed, context);
  const { project, shared } = opening;
  const { store } = project;
  if (shared.isReadOnly) throw new RecipeError('REMOTE_READ_ONLY', { remote: shared.remote.name });
  const sent = counter(parsed, context, 'sent');
  let [results, others] = [0, 0];
  for (const { result } of listResults(store.layout, store.results)) {
    if (result === undefined || context.signal.aborted || !store.results.isComplete(result)) continue;
    const how = { replace: false, signal: context.signal };
    const winner = await unlessInterrupted(context, () => shared.publish(result, how, sent.add));
    opening.whole();
    if (winner === undefined) continue;
    results += 1;
    if (Object.entries(result.outputs).some(([name, { digest }]) => winner.outputs[name]?.digest !== digest))
      others += 1;
  }
  sent.end();
  const outcome = { results, bytes: sent.bytes(), others };
  if (flag(parsed.options, 'json')) context.out(`${JSON.stringify(outcome)}\n`);
  else {
    context.out(
      `${formatCount(results)} results in ${shared.remote.name}, ${formatBytes(sent.bytes())} sent\n`,
    );
    if (others > 0)
      context.out(
        `${formatCount(others)} of them were there with other outputs, which stay: their steps are not deterministic\n`,
      );
  }
  return context.signal.aborted ? ExitCode.interrupted : ExitCode.ok;
}
