import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  array,
  assert,
  asyncProperty,
  boolean,
  constant,
  constantFrom,
  date,
  double,
  maxSafeInteger,
  oneof,
  pre,
  record,
} from 'fast-check';
import { expect, test } from 'vitest';
import { type ColumnStatistics, fitTransformer } from '../../src/learn/transformer/fit-transformer.ts';
import type { Transformer } from '../../src/learn/transformer/transformer.ts';
import { transformerSql } from '../../src/learn/transformer/transformer-sql.ts';
import { profileTable } from '../../src/tables/profile-table.ts';
import { readColumns, readFloats } from '../../src/tables/read-columns.ts';
import { quoteIdentifier, quoteLiteral } from '../../src/tables/sql-text.ts';
import { Tables } from '../../src/tables/tables.ts';
import { featuresOf } from '../rigs/feature-rig.ts';

const TEXTS = ['a', 'A', "it's", '"', '{{ x }}', 'Zürich', '日本', ' ', '', null];

const row = record({
  number: oneof(double(), constantFrom(null, 0.1, -0, 1e300, -1e300, Infinity, -Infinity, Number.NaN)),
  whole: oneof(maxSafeInteger(), constant(null)),
  flag: constantFrom(true, false, null),
  few: constantFrom(...TEXTS),
  many: constantFrom(...TEXTS),
  moment: oneof(
    date({ min: new Date('1700-01-01'), max: new Date('2300-01-01'), noInvalidDate: true }),
    constant(null),
  ),
});

/** Infinities and NaN have no JSON: they travel as text. */
function json(value: unknown): unknown {
  return typeof value === 'number' && !Number.isSafeInteger(value) ? String(value) : value;
}

function fitted(statistics: readonly ColumnStatistics[], raw: boolean): Transformer {
  const target = { column: 'y', type: 'float', task: 'regression' } as const;
  const few = fitTransformer(statistics, target, undefined, { maxOneHot: 20, raw });
  const many = fitTransformer(
    statistics.filter(({ type }) => type === 'text'),
    target,
    undefined,
    { maxOneHot: 0, raw },
  );
  return { ...few, features: [...few.features, ...many.features] };
}

async function writeRows(tables: Tables, rows: readonly object[], dir: string): Promise<string> {
  const [source, path] = [join(dir, 'rows.json'), join(dir, 'rows.parquet')];
  const lines = rows.map((one, __row) =>
    JSON.stringify({ __row, y: __row, ...one }, (_, value: unknown) => json(value)),
  );
  writeFileSync(source, lines.join('\n'));
  const types = `{__row: 'BIGINT', y: 'DOUBLE', number: 'VARCHAR', whole: 'BIGINT', flag: 'BOOLEAN',
                  few: 'VARCHAR', many: 'VARCHAR', moment: 'TIMESTAMP'}`;
  await tables.writeTable(
    `SELECT * REPLACE (number::DOUBLE AS number) FROM read_json(${quoteLiteral(source)}, columns = ${types})`,
    path,
  );
  return path;
}

async function statisticsOf(tables: Tables, path: string): Promise<ColumnStatistics[]> {
  const { rows, columns } = await profileTable(tables, path);
  return columns.map((column) => ({
    ...column,
    rows,
    values: (column.top ?? [])
      .filter(({ value }) => value !== '')
      .map(({ value, count }) => [value, count] as const),
  }));
}

test('SQL gives the features that a model computes from the same raw rows, to the last bit', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  const quotes = { identifier: quoteIdentifier, literal: quoteLiteral };
  try {
    await using tables = await Tables.open({ threads: 2, tmp: dir });
    await assert(
      asyncProperty(
        array(row, { minLength: 5, maxLength: 40 }),
        boolean(),
        constantFrom(1, 3),
        async (rows, raw, share) => {
          // Fitted on some of the rows only: others hold texts never seen, and miss numbers that were always there.
          const some = await writeRows(tables, rows.slice(0, Math.ceil(rows.length / share)), dir);
          const transformer = fitted(await statisticsOf(tables, some), raw);
          const path = await writeRows(tables, rows, dir);
          pre(transformer.features.length > 0);
          const written = join(dir, 'features.parquet');
          await tables.writeTable(
            `SELECT __row, ${transformerSql(transformer, quotes).join(', ')} FROM read_parquet(${quoteLiteral(path)})`,
            written,
          );
          const names = transformer.features.map(({ name }) => name);
          const bySql = await readFloats(tables, written, names);
          const inMemory = featuresOf(transformer, await readColumns(tables, path));
          for (const [index, name] of names.entries())
            expect([name, ...unsigned(bySql.columns[index])]).toEqual([
              name,
              ...unsigned(inMemory.columns[index]?.values),
            ]);
        },
      ),
      { numRuns: 40 },
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
});

/** Parquet takes -0 and 0 for one value. */
function unsigned(values: Float32Array | undefined): number[] {
  return Array.from(values ?? [], (value) => (value === 0 ? 0 : value));
}
