import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CATALOGUE } from '../src/core/recipe-error.ts';

const DOCS = join(import.meta.dirname, '../docs/errors');

test('docs/errors/ documents every error code, and no other', () => {
  const documented = globSync('*.md', { cwd: DOCS }).flatMap((file) =>
    Array.from(readFileSync(join(DOCS, file), 'utf8').matchAll(/^## (\w+)$/gm), ([, code]) => code),
  );
  expect(new Set(documented)).toEqual(new Set(Object.keys(CATALOGUE)));
  expect(documented).toHaveLength(Object.keys(CATALOGUE).length);
});
