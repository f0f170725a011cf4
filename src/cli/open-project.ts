import { Project } from '../compose.ts';
import type { CachedPlan } from '../engine/plan-cache.ts';
import { type Address, locateRecipe, parseAddress } from '../recipe/address.ts';
import { addressesOf } from './addresses-of.ts';
import { type Context, list, type Parsed, text } from './context.ts';

/** The project and plan that a command's address and options name. Dispose of it when done. */
export async function openRecipe(
  { args, options }: Parsed,
  context: Context,
): Promise<{ project: Project; plan: CachedPlan; address: Address }> {
  const address = parseAddress(args[0]);
  const location = locateRecipe(address.recipe, context.cwd);
  const project = new Project(location.projectDir, context, addressesOf(options));
  try {
    return {
      project,
      plan: await project.plan(location, text(options, 'profile'), list(options, 'set')),
      address,
    };
  } catch (error) {
    await project[Symbol.asyncDispose]();
    throw error;
  }
}
