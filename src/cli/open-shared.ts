import type { Project } from '../compose.ts';
import type { Plan } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { formatBytes } from '../report/text/format.ts';
import type { RemoteCache } from '../store/remote/remote-cache.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { openRecipe } from './open-project.ts';

/** A recipe's project, and the cache that its profile shares. */
interface OpenShared extends AsyncDisposable {
  readonly project: Project;
  readonly plan: Plan;
  readonly shared: RemoteCache;
  /** @throws RecipeError REMOTE_UNREACHABLE if the shared cache was away meanwhile */
  readonly whole: () => void;
}

/**
 * Opens the shared cache for commands that are about it: that it is away is their end.
 *
 * @throws RecipeError REMOTE_INVALID if there is none
 */
export async function openShared(parsed: Parsed, context: Context): Promise<OpenShared> {
  const { project, plan } = await openRecipe(parsed, context);
  const problems: string[] = [];
  try {
    const shared = await project.shared(plan, (message) => void problems.push(message));
    if (shared === undefined)
      throw new RecipeError('REMOTE_INVALID', {
        remote: '(none)',
        problem: 'neither STOCKPOT_REMOTE, nor the profile, nor `recipe cache link` names one',
      });
    return {
      project,
      plan,
      shared,
      whole: () => {
        const [problem] = problems;
        if (problem !== undefined) throw new RecipeError('REMOTE_UNREACHABLE', { problem });
      },
      [Symbol.asyncDispose]: async () => {
        await shared[Symbol.asyncDispose]();
        await project[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await project[Symbol.asyncDispose]();
    throw error;
  }
}

/** Counts bytes, and shows them as they travel. */
export function counter(
  { options }: Parsed,
  { isTerminal, err }: Context,
  verb: string,
): { readonly bytes: () => number; readonly add: (count: number) => void; readonly end: () => void } {
  let [bytes, shown] = [0, 0];
  const shows = isTerminal && !flag(options, 'json');
  return {
    bytes: () => bytes,
    add: (count) => {
      bytes += count;
      if (!shows || bytes - shown < 1_000_000) return;
      shown = bytes;
      err(`\r${formatBytes(bytes)} ${verb} `);
    },
    end: () => {
      if (shows && shown > 0) err('\n');
    },
  };
}
