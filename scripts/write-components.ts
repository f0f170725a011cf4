import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { componentYaml } from './component-yaml.ts';

/** Writes steps/<name>/component.yaml from each step's definition: `npm run components`. */
const steps = join(import.meta.dirname, '../steps');
for (const name of readdirSync(steps))
  writeFileSync(join(steps, name, 'component.yaml'), await componentYaml(name));
