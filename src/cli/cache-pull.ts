import { ExitCode } from '../core/exit-code.ts';
import { forecast } from '../engine/forecast.ts';
import { select } from '../engine/selection.ts';
import { formatBytes, formatCount } from '../report/text/format.ts';
import { partsOf } from '../store/results.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { counter, openShared } from './open-shared.ts';

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
  let results = 0;
  for (const { fingerprint } of steps) {
    if (fingerprint === undefined || context.signal.aborted) continue;
    const result = store.results.find(fingerprint) ?? (await shared.find(fingerprint));
    if (result === undefined) continue;
    const lost = await shared.bringAll(partsOf(result), received.add);
    opening.whole();
    if (lost.length > 0) continue;
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
  return context.signal.aborted ? ExitCode.interrupted : ExitCode.ok;
}
