import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROUTES } from '../../src/server/create-server.ts';

const PAGE = join(import.meta.dirname, '../../docs/mlflow-compatibility.md');

test('docs/mlflow-compatibility.md lists every endpoint that is served, and no other', () => {
  const listed = Array.from(
    readFileSync(PAGE, 'utf8').matchAll(/^\| ([A-Z]+) \| `([^`]+)` \| (\w+) \|/gm),
    ([, method, path, rpc]) => `${method} ${path} ${rpc}`,
  );
  const served = ROUTES.map(({ method, path, version, rpc }) => `${method} ${version}${path} ${rpc}`);
  expect(listed).toEqual(served);
});
