import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ProfileSchema } from '../src/recipe/profile-schema.ts';
import { RecipeSchema } from '../src/recipe/recipe-schema.ts';

/** `npm run schema` */
for (const [name, schema] of Object.entries({ recipe: RecipeSchema, profile: ProfileSchema }))
  writeFileSync(
    join(import.meta.dirname, `../schema/${name}.schema.json`),
    `${JSON.stringify(schema, null, 2)}\n`,
  );
