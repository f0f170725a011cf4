import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { componentCode } from './component-code.ts';

/** `npm run golden`: after a change that leaves outputs as they are, or with a raised version. */
writeFileSync(
  join(import.meta.dirname, '../test/golden/component-code.json'),
  `${JSON.stringify(componentCode(), null, 2)}\n`,
);
