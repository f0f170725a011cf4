import { existsSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import type { ProjectHome, Surroundings } from './compose-home.ts';
import { EXTENSION, ProgramModules } from './compose-modules.ts';
import type { CardBlock } from './core/card-block.ts';
import type { PlanStep } from './core/plan.ts';
import { type CardModule, makeCard } from './engine/make-card.ts';
import type { Result } from './store/results.ts';

/** The blocks of a step's card, made in a process of its own. */
export async function cardOf(
  { step, result }: { readonly step: PlanStep; readonly result: Result },
  { dir, home, store }: Pick<ProjectHome, 'dir' | 'home' | 'store'>,
  surroundings: Surroundings,
  signal: AbortSignal,
): Promise<readonly CardBlock[]> {
  const { world, node } = surroundings;
  const modules = new ProgramModules(surroundings);
  using launcher = modules.launcher(home, 'card-');
  return await makeCard(step, result, cardModules(step, dir, modules), {
    store,
    launcher,
    child: [node, modules.path('step/card-child')],
    attemptsDir: join(home, 'attempts'),
    projectDir: dir,
    world,
    signal,
  });
}

/** Where a card may come from: the component, else what shows any output by its kind. */
function cardModules({ action }: PlanStep, projectDir: string, modules: ProgramModules): CardModule[] {
  const shown = {
    root: modules.root,
    entry: relative(modules.root, modules.path('report/card/output-card')),
  };
  if (action.kind === 'shipped') {
    const path = join(dirname(modules.shippedEntry(action.component)), `card.${EXTENSION}`);
    return existsSync(path) ? [{ root: modules.root, entry: relative(modules.root, path) }, shown] : [shown];
  }
  if (action.kind !== 'own') return [shown];
  const beside = join(dirname(action.entry), 'card.ts');
  if (
    basename(action.entry) === 'run.ts' ||
    existsSync(join(projectDir, dirname(action.entry), 'component.yaml'))
  )
    return existsSync(join(projectDir, beside)) ? [{ root: projectDir, entry: beside }, shown] : [shown];
  return action.runtime === 'node' ? [{ root: projectDir, entry: action.entry }, shown] : [shown];
}
