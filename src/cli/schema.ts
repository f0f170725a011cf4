import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { nearest } from '../recipe/nearest.ts';
import { ProfileSchema } from '../recipe/profile-schema.ts';
import { RecipeSchema } from '../recipe/recipe-schema.ts';
import type { Context, Parsed } from './context.ts';

const SCHEMAS = new Map<string, object>([
  ['recipe', RecipeSchema],
  ['profile', ProfileSchema],
]);

/** `recipe schema [recipe|profile]` */
export function execute({ args: [what = 'recipe'] }: Parsed, { out }: Context): ExitCode {
  const schema = SCHEMAS.get(what);
  if (schema === undefined) {
    const near = nearest(what, SCHEMAS.keys());
    throw new RecipeError('USAGE', {
      problem: `There is no schema of ${what}${near === undefined ? '' : `; did you mean ${near}?`}`,
      command: 'schema',
    });
  }
  out(`${JSON.stringify(schema, null, 2)}\n`);
  return ExitCode.ok;
}
