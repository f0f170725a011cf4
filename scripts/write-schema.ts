import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RecipeSchema } from '../src/recipe/recipe-schema.ts';

/** `npm run schema` */
writeFileSync(
  join(import.meta.dirname, '../schema/recipe.schema.json'),
  `${JSON.stringify(RecipeSchema, null, 2)}\n`,
);
