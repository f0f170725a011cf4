import type { TickEnd } from '../ledger/ticks.ts';
import type { Context } from './context.ts';
import { openSchedules } from './open-schedules.ts';
import { scheduleRunner } from './schedule-runner.ts';

/** The scheduler of a server's folder, in the server's process. */
export interface ServerSchedules extends AsyncDisposable {
  /** How many ticks ended how, since the start. */
  readonly ticks: ReadonlyMap<TickEnd['state'], number>;
  /** Until the context's signal: runs are stopped, and their ticks closed. What goes wrong is said, and it goes on. */
  readonly serve: () => Promise<void>;
}

/**
 * What it does goes to standard error, where a server's log is.
 *
 * @throws RecipeError RECIPE_NOT_FOUND outside of a project, and as `openSchedules`
 */
export async function openServerSchedules(context: Context): Promise<ServerSchedules> {
  const { project, schedules } = await openSchedules(context);
  const ticks = new Map<TickEnd['state'], number>();
  const { scheduler } = scheduleRunner(schedules, { ...context, out: context.err }, true, ({ state }) =>
    ticks.set(state, (ticks.get(state) ?? 0) + 1),
  );
  return {
    ticks,
    serve: async () => scheduler.serve(),
    [Symbol.asyncDispose]: async () => {
      await schedules[Symbol.asyncDispose]();
      await project[Symbol.asyncDispose]();
    },
  };
}
