import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const PYTHON = process.env['STOCKPOT_TEST_PYTHON'];

test.skipIf(PYTHON === undefined)('test/golden/metric-figures.json is what MLflow computes', () => {
  const printed = execFileSync(PYTHON ?? '', [join(import.meta.dirname, 'metric-figures.py')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kept = readFileSync(join(import.meta.dirname, '../golden/metric-figures.json'), 'utf8');
  expect(differences(JSON.parse(kept), JSON.parse(printed), '')).toEqual([]);
});

/** Paths at which two JSON values differ, numbers by more than processors differ in exponentials. */
function differences(a: unknown, b: unknown, path: string): string[] {
  if (typeof a === 'number' && typeof b === 'number')
    return Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b)) ? [] : [`${path}: ${a}, ${b}`];
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
    return a === b ? [] : [`${path}: ${String(a)}, ${String(b)}`];
  const [first, second] = [a, b] as Record<string, unknown>[];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) =>
    differences(first?.[key], second?.[key], `${path}/${key}`),
  );
}
