import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runStep } from '../../src/step/run-step.ts';
import { Tables } from '../../src/tables/tables.ts';
import { step } from '../../steps/split/run.ts';

const ENTRY = join(import.meta.dirname, '../../steps/split/run.ts');
const NAMES = ['training', 'validation', 'test'] as const;
const root = mkdtempSync(join(tmpdir(), 'stockpot-'));
afterAll(() => rmSync(root, { recursive: true }));

interface Row {
  readonly id: number;
  readonly split: (typeof NAMES)[number];
  readonly row: Readonly<Record<string, unknown>>;
}

/** Splits the rows of a SELECT, numbered in its order; gives them all, each with its split. */
async function splitRows(
  select: string,
  config: Readonly<Record<string, unknown>> = {},
  seed = 0,
): Promise<Row[]> {
  const dir = mkdtempSync(join(root, 'case-'));
  const input = join(dir, 'data.parquet');
  await using tables = await Tables.open({ threads: 2, tmp: dir });
  await tables.writeTable(`SELECT row_number() OVER () - 1 AS __row, * FROM (${select})`, input);
  const outputs = Object.fromEntries(
    Object.entries(step.outputs).map(([name, { path, kind }]) => [name, { path: join(dir, path), kind }]),
  );
  await runStep(
    step,
    {
      v: 1,
      step: 'split',
      config: config as never,
      inputs: { data: { path: input, kind: 'table', digest: '' } },
      outputs,
      seed,
      threads: 2,
      report: join(dir, 'report.jsonl'),
      tmp: dir,
    },
    ENTRY,
  );
  const rows: Row[] = [];
  for (const split of NAMES) {
    const found = await tables.query(`SELECT * FROM read_parquet('${join(dir, `${split}.parquet`)}')`);
    rows.push(...found.map((row) => ({ id: Number(row['id']), split, row })));
  }
  const summary = JSON.parse(readFileSync(join(dir, 'summary.json'), 'utf8')) as {
    splits: { rows: number }[];
  };
  expect(summary.splits.map(({ rows: count }) => count)).toEqual(
    NAMES.map((name) => rows.filter(({ split }) => split === name).length),
  );
  return rows;
}

const byId = (rows: readonly Row[]): Map<number, string> => new Map(rows.map(({ id, split }) => [id, split]));
const share = (rows: readonly Row[], name: string): number =>
  rows.filter(({ split }) => split === name).length / rows.length;

/** 4,000 customers of 1 to 4 rows each; `label` is 1 in a tenth of them. */
const ROWS = `SELECT i AS id, 'c' || (hash(i) % 1600) AS customer, (hash(i, 1) % 10 = 0)::INTEGER AS label,
  DATE '2024-01-01' + (hash(i, 2) % 200)::INTEGER AS day FROM range(4000) t(i)`;

describe('a split by hash', () => {
  test('leaves rows where they are when others are added', async () => {
    const before = byId(await splitRows(ROWS));
    const after = byId(await splitRows(ROWS.replace('range(4000)', 'range(6000)')));
    expect(after.size).toBe(6000);
    for (const [id, split] of before) expect(after.get(id)).toBe(split);
  });

  test('does not depend on the order of the rows', async () => {
    const plain = await splitRows(ROWS);
    const turned = await splitRows(`SELECT * FROM (${ROWS}) ORDER BY hash(id, 9)`);
    expect(byId(turned)).toEqual(byId(plain));
  });

  test('keeps equal rows together, and those of an equal key', async () => {
    const doubled = await splitRows(`SELECT * FROM (${ROWS}) UNION ALL SELECT * FROM (${ROWS})`);
    expect(doubled).toHaveLength(8000);
    expect(new Set(doubled.map(({ id, split }) => `${id} ${split}`)).size).toBe(4000);
    const keyed = await splitRows(ROWS, { key: ['customer'] });
    const customers = new Set(keyed.map(({ row }) => String(row['customer'])));
    expect(customers.size).toBeGreaterThan(1000);
    expect(new Set(keyed.map(({ row, split }) => `${String(row['customer'])} ${split}`)).size).toBe(
      customers.size,
    );
  });

  test.each([
    [0.75, 0.125, 0.125],
    [6, 2, 2],
    [0.5, 0.25, 0.25],
  ])('gives shares of %d to %d to %d, within three standard deviations', async (...ratios) => {
    const rows = await splitRows(ROWS, { split_ratios: ratios });
    const total = ratios.reduce((a, b) => a + b, 0);
    NAMES.forEach((name, index) => {
      const wanted = (ratios[index] ?? 0) / total;
      const tolerance = 3 * Math.sqrt((wanted * (1 - wanted)) / rows.length);
      expect(Math.abs(share(rows, name) - wanted)).toBeLessThan(tolerance);
    });
  });

  test('is another one with another seed', async () => {
    const [one, two] = [byId(await splitRows(ROWS)), byId(await splitRows(ROWS, {}, 1))];
    const moved = [...one].filter(([id, split]) => two.get(id) !== split).length;
    expect(moved / one.size).toBeGreaterThan(0.3);
    expect(moved / one.size).toBeLessThan(0.5);
  });

  test('keeps a part of the training rows only, the others as they are', async () => {
    const whole = byId(await splitRows(ROWS));
    const part = await splitRows(ROWS, { training_fraction: 0.25 });
    for (const { id, split } of part) expect(whole.get(id)).toBe(split);
    const count = (split: string): number => [...whole.values()].filter((one) => one === split).length;
    expect(part.filter(({ split }) => split !== 'training')).toHaveLength(
      count('validation') + count('test'),
    );
    expect(part.filter(({ split }) => split === 'training').length / count('training')).toBeCloseTo(0.25, 1);
  });

  test('takes a missing value for a value of its own, other than any text', async () => {
    const rows = await splitRows(
      `SELECT i AS id, CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 'k' || i END AS k FROM range(900) t(i)`,
      { key: ['k'] },
    );
    for (const empty of [null, ''])
      expect(new Set(rows.filter(({ row }) => row['k'] === empty).map(({ split }) => split)).size).toBe(1);
  });
});

test('`stratify: exact` gives every class its exact share', async () => {
  const rows = await splitRows(ROWS, { stratify: 'exact', target_col: 'label', split_ratios: [6, 2, 2] });
  for (const label of [0, 1]) {
    const members = rows.filter(({ row }) => row['label'] === label);
    expect(members.length).toBeGreaterThan(300);
    for (const [name, wanted] of [
      ['training', 0.6],
      ['validation', 0.2],
      ['test', 0.2],
    ] as const)
      expect(
        Math.abs(members.filter(({ split }) => split === name).length - members.length * wanted),
      ).toBeLessThanOrEqual(0.5);
  }
});

test('a split by time has no row of a part later than one of the next', async () => {
  const rows = await splitRows(ROWS, { using: 'time', column: 'day' });
  const days = NAMES.map((name) =>
    rows
      .filter(({ split }) => split === name)
      .map(({ row }) => String(row['day']))
      .toSorted(),
  );
  expect((days[0]?.at(-1) ?? '') < (days[1]?.[0] ?? '')).toBe(true);
  expect((days[1]?.at(-1) ?? '') < (days[2]?.[0] ?? '')).toBe(true);
  expect(share(rows, 'training')).toBeCloseTo(0.75, 1);
  expect(share(rows, 'test')).toBeCloseTo(0.125, 1);
});

test('a split by time of three days has a day in each part, wherever most rows lie', async () => {
  for (const [early, late] of [
    [10, 20],
    [400, 700],
    [980, 990],
  ] as const) {
    const rows = await splitRows(
      `SELECT i AS id, DATE '2024-01-01' + (CASE WHEN i < ${early} THEN 0 WHEN i < ${late} THEN 1 ELSE 2 END) AS day FROM range(1000) t(i)`,
      { using: 'time', column: 'day' },
    );
    expect(
      NAMES.map(
        (name) => new Set(rows.filter(({ split }) => split === name).map(({ row }) => row['day'])).size,
      ),
    ).toEqual([1, 1, 1]);
  }
});
