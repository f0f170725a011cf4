import { ExitCode } from '../core/exit-code.ts';
import { RecipeSchema } from '../recipe/recipe-schema.ts';
import type { Context, Parsed } from './context.ts';

/** `recipe schema` */
export function execute(_: Parsed, { out }: Context): ExitCode {
  out(`${JSON.stringify(RecipeSchema, null, 2)}\n`);
  return ExitCode.ok;
}
