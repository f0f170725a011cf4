import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { differences } from '../rigs/differences.ts';

const PYTHON = process.env['STOCKPOT_TEST_PYTHON'];

test.skipIf(PYTHON === undefined)('test/golden/metric-figures.json is what MLflow computes', () => {
  const printed = execFileSync(PYTHON ?? '', [join(import.meta.dirname, 'metric-figures.py')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kept = readFileSync(join(import.meta.dirname, '../golden/metric-figures.json'), 'utf8');
  expect(differences(JSON.parse(kept), JSON.parse(printed), '')).toEqual([]);
});
