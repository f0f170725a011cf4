export { Project, type RunRequest } from '../compose.ts';
export type { Surroundings } from '../compose-home.ts';
export type { RunEvent } from '../core/events.ts';
export type { Plan } from '../core/plan.ts';
export { RecipeError } from '../core/recipe-error.ts';
export { systemWorld } from '../core/system-world.ts';
export { locateRecipe } from '../recipe/address.ts';
