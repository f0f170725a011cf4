import { ExitCode } from '../core/exit-code.ts';
import type { Fingerprint } from '../core/ids.ts';
import { unlessAborted } from '../core/unless-aborted.ts';
import { forecast } from '../engine/forecast.ts';
import { select } from '../engine/selection.ts';
import { formatBytes, formatCount } from '../report/text/format.ts';
import { partsOf, type Result } from '../store/results.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { counter, openShared } from './open-shared.ts';
import { unlessInterrupted } from './unless-interrupted.ts';

/** `recipe cache pull [RECIPE]` */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  await using opening = await openShared(parsed, context);
  const { project, plan, shared } = opening;
  const { store, dir } = project;
  const steps = await forecast({
    plan,
    roles: select(plan, { from: undefined, until: undefined, only: undefined }),
    projectDir: dir,
    store,
    shared,
    references: project.references(true),
  });
  opening.whole();
  const received = counter(parsed, context, 'received');
  const { signal } = context;
  const onBytes = (count: number): void => {
    received.add(count);
    signal.throwIfAborted();
  };
  /** The result of a step, once all that it names is here. */
  const fetched = async (fingerprint: Fingerprint): Promise<Result | undefined> => {
    const result = store.results.find(fingerprint) ?? (await shared.find(fingerprint));
    if (result === undefined) return undefined;
    return (await shared.bringAll(partsOf(result), onBytes)).length > 0 ? undefined : result;
  };
  let results = 0;
  for (const { fingerprint } of steps) {
    if (fingerprint === undefined) continue;
    // Nobody waits for a remote from which no more bytes come; what came is kept.
    const result = await unlessInterrupted(context, () => unlessAborted(signal, fetched(fingerprint)));
    opening.whole();
    if (result === undefined) continue;
    store.results.adopt(result);
    results += 1;
  }
  received.end();
  const outcome = { results, steps: steps.length, bytes: received.bytes() };
  context.out(
    flag(parsed.options, 'json')
      ? `${JSON.stringify(outcome)}\n`
      : `${formatCount(results)} of ${formatCount(steps.length)} steps are here, ${formatBytes(received.bytes())} received\n`,
  );
  return signal.aborted ? ExitCode.interrupted : ExitCode.ok;
}
