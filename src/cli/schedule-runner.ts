import { Scheduler } from '../compose-scheduler.ts';
import type { Schedules } from '../compose-schedules.ts';
import { runTick, type TickRun } from '../compose-ticks.ts';
import { ExitCode } from '../core/exit-code.ts';
import type { TickEnd } from '../ledger/ticks.ts';
import { type Context, warningsTo } from './context.ts';
import { jsonLine } from './json-line.ts';
import { utc } from './open-schedules.ts';

/** A scheduler that says what it does, and how its ticks ended. */
export function scheduleRunner(
  schedules: Schedules,
  context: Context,
  json: boolean,
  onEnd: (end: TickEnd) => void = () => undefined,
): { readonly scheduler: Scheduler; readonly ended: TickEnd['state'][] } {
  const ended: TickEnd['state'][] = [];
  const onWarning = warningsTo(context);
  const run = async (tick: TickRun): Promise<TickEnd> => runTick(schedules, context, onWarning, tick);
  const scheduler = new Scheduler(
    { schedules, surroundings: context, run },
    {
      signal: context.signal,
      onWarning,
      onEvent: ({ name }, { nominal, number, cause }, change) => {
        if (change !== undefined && change.state !== 'waiting') {
          ended.push(change.state);
          onEnd(change);
        }
        const state = change?.state ?? 'running';
        const note = change?.note === undefined ? '' : `: ${change.note}`;
        context.out(
          json
            ? jsonLine({
                schedule: name,
                tick: new Date(nominal).toISOString(),
                number,
                cause,
                state,
                note: change?.note,
              })
            : `${name} ${utc(nominal)} UTC ${state}${note}\n`,
        );
      },
    },
  );
  return { scheduler, ended };
}

/** As `recipe run` would end. */
export function exitOfTicks(ended: readonly TickEnd['state'][], { signal }: Context): ExitCode {
  if (signal.aborted) return ExitCode.interrupted;
  return ended.some((state) => state === 'failed' || state === 'interrupted')
    ? ExitCode.stepFailed
    : ExitCode.ok;
}
