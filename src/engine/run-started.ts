import type { RunEvent, Unstamped } from '../core/events.ts';
import type { StepId } from '../core/ids.ts';
import type { History } from './history.ts';
import type { RunGraph } from './run-graph.ts';
import type { RunOptions } from './run-options.ts';

/** The first event of a run: which steps it takes, and how long it may take, if all of them were timed before. */
export function runStarted(
  { id, plan, flags }: RunOptions,
  graph: RunGraph,
  history: History,
): Unstamped<Extract<RunEvent, { type: 'run.started' }>> {
  const expectedMs = graph.expectedMs(history, flags.jobs);
  const idsOf = (mayRun: boolean): StepId[] =>
    graph.nodes.filter(({ role }) => (role === 'run') === mayRun).map(({ step }) => step.id);
  return {
    type: 'run.started',
    v: 1,
    run: id,
    recipe: plan.recipe,
    ...(plan.profile === undefined ? {} : { profile: plan.profile }),
    steps: idsOf(true),
    omitted: idsOf(false),
    ...(expectedMs === undefined ? {} : { expectedMs }),
  };
}
