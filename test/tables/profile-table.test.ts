import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ColumnProfile, profileTable } from '../../src/tables/profile-table.ts';
import { Tables } from '../../src/tables/tables.ts';

async function profileOf(select: string, threads = 2): Promise<readonly ColumnProfile[]> {
  const tmp = mkdtempSync(join(tmpdir(), 'stockpot-'));
  try {
    await using tables = await Tables.open({ threads, tmp });
    const path = join(tmp, 'data.parquet');
    await tables.writeTable(select, path);
    return (await profileTable(tables, path)).columns;
  } finally {
    rmSync(tmp, { recursive: true });
  }
}

describe('mean and standard deviation', () => {
  test.each([
    ['values far below one', '(i % 100) / 1e6', 4.95e-5, Math.sqrt(9999 / 12) / 1e6],
    ['a large offset', '1e9 + i % 10', 1e9 + 4.5, Math.sqrt(99 / 12)],
    [
      'integers of eighteen digits',
      '900000000000000000 + i * 10000',
      9e17 + 4_995_000,
      Math.sqrt(999_999 / 12) * 1e4,
    ],
    ['numbers beyond float32', '(i % 2) * 1e300', 5e299, 5e299],
    ['one value', '7.5 + 0 * i', 7.5, 0],
    ['infinities and NaN set aside', "(['inf', 'nan', '1', '3'])[i % 4 + 1]::DOUBLE", 2, 1],
  ])('of %s', async (_, expression, mean, std) => {
    const [x] = await profileOf(`SELECT i AS __row, ${expression} AS x FROM range(1000) t(i)`);
    expect((x?.mean ?? 0) / mean).toBeCloseTo(1, 12);
    expect((x?.std ?? -1) / (std || 1)).toBeCloseTo(std === 0 ? 0 : 1, 6);
  });

  test('are the same to the last bit on any number of threads', async () => {
    const select = `SELECT i AS __row, sin(i) * 1e-3 AS a, exp(sin(i) * 20) AS b FROM range(600000) t(i)`;
    const profiles = [];
    for (const threads of [1, 2, 4]) profiles.push(JSON.stringify(await profileOf(select, threads)));
    expect(new Set(profiles).size).toBe(1);
  });
});
