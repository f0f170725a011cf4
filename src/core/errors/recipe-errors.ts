import { ExitCode } from '../exit-code.ts';
import type { Entry } from './entry.ts';

/** What can be wrong with recipes, templates, profiles and `--set`. Documented in `docs/errors/recipe.md`. */
export const RECIPE_ERRORS = {
  RECIPE_NOT_FOUND: {
    exit: ExitCode.usage,
    message: (p: { recipe: string; dir: string }) => `There is no recipe ${p.recipe} in ${p.dir}`,
    hint: () =>
      'List the names under recipes/, or create one with `recipe init --data FILE --target COLUMN`.',
  },
  STEP_CYCLE: {
    exit: ExitCode.usage,
    message: (p: { path: readonly string[] }) => `Steps need each other: ${p.path.join(' → ')}`,
    hint: () => 'Remove one of these inputs.',
  },
} as const satisfies Record<string, Entry>;
