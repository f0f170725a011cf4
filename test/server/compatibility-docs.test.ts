import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { endpointTable, withEndpoints } from '../../scripts/endpoint-docs.ts';

const PAGE = join(import.meta.dirname, '../../docs/mlflow-compatibility.md');

// If this fails after a new route: `npm run docs`.
test('docs/mlflow-compatibility.md lists every endpoint that is served with what it needs, and no other', () => {
  const page = readFileSync(PAGE, 'utf8');
  expect(page).toContain(endpointTable());
  expect(withEndpoints(page)).toBe(page);
});
