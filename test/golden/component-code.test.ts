import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { componentCode } from '../../scripts/component-code.ts';

// A shipped component counts in fingerprints by its version alone. If this fails: raise `version` in the
// component's run.ts where its output for the same input changes, then `npm run golden`.
test('the code of a shipped component changes with its version only', () => {
  const golden = JSON.parse(
    readFileSync(join(import.meta.dirname, 'component-code.json'), 'utf8'),
  ) as unknown;
  expect(componentCode()).toEqual(golden);
});
