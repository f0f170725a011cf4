import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

test('each test that docs/security.md names is there', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/security.md'), 'utf8');
  const named = Array.from(page.matchAll(/\| ((?:\.\.\/)?[\w/-]+\.test\.ts): (.+) \|$/gm));
  expect(named.length).toBeGreaterThan(15);
  const missing = named.filter(
    ([, file = '', title = '']) => !readFileSync(join(import.meta.dirname, file), 'utf8').includes(title),
  );
  expect(missing.map(([row]) => row)).toEqual([]);
});
