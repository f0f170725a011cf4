import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { emptyRun, foldRun } from '../core/run-state.ts';
import { newestRun, readJournal } from '../engine/read-journal.ts';
import { GRAPH_FORMATS, type KnownStates, renderGraph } from '../report/graph.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { openRecipe } from './open-project.ts';

/** `recipe inspect` */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { options } = parsed;
  const wanted = flag(options, 'json') ? 'json' : (text(options, 'format') ?? 'tree');
  const format = GRAPH_FORMATS.find((known) => known === wanted);
  if (format === undefined)
    throw new RecipeError('USAGE', {
      problem: `--format ${wanted} is none of ${GRAPH_FORMATS.join(', ')}`,
      command: 'inspect',
    });
  const { project: opened, plan } = await openRecipe(parsed, context);
  await using project = opened;
  if (flag(options, 'eject')) context.out((await import('../recipe/eject.ts')).ejectPlan(plan));
  else
    context.out(
      renderGraph(
        plan,
        statesOf(project.home, plan.recipe),
        format,
        context.isTerminal && context.env['NO_COLOR'] === undefined,
      ),
    );
  return ExitCode.ok;
}

function statesOf(home: string, recipe: string): KnownStates {
  const run = newestRun(home, recipe);
  const state = emptyRun();
  if (run !== undefined) for (const event of readJournal(home, run)) foldRun(state, event);
  return state.steps;
}
