import { writeFileSync } from 'node:fs';
import { defineStep, oneOf, RecipeError, Type } from 'stockpot/steps';
import { describeSelect, quoteIdentifier, quoteLiteral, ROW, Tables } from 'stockpot/tables';

const SPLITS = ['training', 'validation', 'test'] as const;

/** Cuts a table into rows to fit on, to choose by, and to judge by. */
export const step = defineStep({
  title: 'Split a table into training, validation and test rows',
  version: '1',
  config: Type.Object(
    {
      using: Type.Optional(
        oneOf(['hash', 'time'], {
          default: 'hash',
          description:
            'hash: by a hash of the row or of `key`, stable when rows are added. time: by `column`, the latest rows last.',
        }),
      ),
      split_ratios: Type.Optional(
        Type.Array(Type.Number({ exclusiveMinimum: 0 }), {
          minItems: 3,
          maxItems: 3,
          default: [0.75, 0.125, 0.125],
          description: 'Shares of training, validation and test rows.',
        }),
      ),
      key: Type.Optional(
        Type.Array(Type.String(), {
          minItems: 1,
          description: 'Columns whose equal values stay together; all, if not said.',
        }),
      ),
      column: Type.Optional(
        Type.String({ description: 'The time by which `using: time` cuts; equal times stay together.' }),
      ),
      stratify: Type.Optional(
        oneOf(['exact'], { description: 'Give every class of the target its exact share.' }),
      ),
      target_col: Type.Optional(Type.String({ description: 'The target, for `stratify` and the summary.' })),
      training_fraction: Type.Optional(
        Type.Number({
          exclusiveMinimum: 0,
          maximum: 1,
          default: 1,
          description: 'Part of the training rows to keep, by hash: for a quick run.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  inputs: { data: { kind: 'table' } },
  outputs: {
    training: { path: 'training.parquet', kind: 'table' },
    validation: { path: 'validation.parquet', kind: 'table' },
    test: { path: 'test.parquet', kind: 'table' },
    summary: {
      path: 'summary.json',
      kind: 'value',
      description: 'Rows and share of each split, and how it was cut.',
    },
  },
  async run({ config, inputs, outputs, seed, threads, memoryBytes, tmp, report }) {
    await using tables = await Tables.open({ threads, memoryBytes, tmp });
    const source = `read_parquet(${quoteLiteral(inputs.data)})`;
    const columns = (await describeSelect(tables, `SELECT * FROM ${source}`))
      .map(({ name }) => name)
      .filter((name) => name !== ROW);
    for (const name of [
      ...(config.key ?? []),
      ...[config.column, config.target_col].flatMap((one) => one ?? []),
    ])
      if (!columns.includes(name))
        throw new RecipeError('DATA_COLUMN_UNKNOWN', { column: name, what: 'split', known: columns });
    const [training = 0.75, validation = 0.125, test = 0.125] = config.split_ratios ?? [];
    const sum = training + validation + test;
    const bounds = [training / sum, (training + validation) / sum] as const;
    const hash = hashOf(config.key ?? columns, seed);
    const { split, cuts } =
      config.using === 'time'
        ? await byTime(tables, source, config.column, bounds)
        : { split: byHash(hash, bounds, config), cuts: undefined };
    const fraction = config.training_fraction ?? 1;
    // Another part of the hash than the split's, or the fraction would not be a fraction of each.
    const kept = fraction === 1 ? 'true' : `(${hash} // 1000003) % 1000000 < ${Math.round(fraction * 1e6)}`;
    const assignment = `SELECT ${quoteIdentifier(ROW)} AS row, (${split})::TINYINT AS split, ${kept} AS kept FROM ${source}`;
    // A comparison of times is cheaper made again for each split than kept; a hash is not.
    const isCheap = config.using === 'time' && fraction === 1;
    if (!isCheap) await tables.run(`CREATE TEMP TABLE assigned AS ${assignment}`);
    const rows = await countRows(tables, isCheap ? `(${assignment})` : 'assigned');
    const total = rows.all.reduce((a, b) => a + b, 0);
    const kepts = [rows.kept, rows.all[1] ?? 0, rows.all[2] ?? 0];
    for (const [index, name] of SPLITS.entries()) {
      if ((kepts[index] ?? 0) === 0) throw new RecipeError('SPLIT_EMPTY', { split: name, rows: total });
      const where = `split = ${index}${index === 0 ? ' AND kept' : ''}`;
      await tables.writeTable(
        `SELECT * FROM ${source} WHERE ${isCheap ? `(${split}) = ${index}` : `${quoteIdentifier(ROW)} IN (SELECT row FROM assigned WHERE ${where})`}`,
        outputs[name],
      );
      report({
        type: 'progress',
        done: kepts.slice(0, index + 1).reduce((a, b) => a + b, 0),
        total: kepts.reduce((a, b) => a + b, 0),
        unit: 'rows',
      });
      if ((kepts[index] ?? 0) < 4)
        report({ type: 'warning', message: `the ${name} split has only ${kepts[index]} rows` });
    }
    const balance =
      config.target_col === undefined ? undefined : await targetBalance(tables, outputs, config.target_col);
    writeFileSync(
      outputs.summary,
      JSON.stringify({
        using: config.using ?? 'hash',
        ...(config.column === undefined ? {} : { column: config.column }),
        ...(cuts === undefined ? {} : { cuts }),
        training_fraction: fraction,
        splits: SPLITS.map((name, index) => ({
          name,
          rows: kepts[index],
          share: (rows.all[index] ?? 0) / total,
        })),
        ...(balance === undefined ? {} : { target: balance }),
      }),
    );
  },
});

/**
 * A number below 2^53 from the text of the key columns: the low half of its MD5, which no version of
 * DuckDB computes otherwise.
 */
function hashOf(columns: readonly string[], seed: number): string {
  const parts = columns.map((name) => `coalesce(${quoteIdentifier(name)}::VARCHAR, chr(1))`).join(', ');
  const salt = seed === 0 ? '' : `, ${quoteLiteral(String(seed))}`;
  return `(md5_number_lower(concat_ws(chr(31), ${parts}${salt})) >> 11)`;
}

function byHash(
  hash: string,
  [first, second]: readonly [number, number],
  config: { stratify?: string; target_col?: string },
): string {
  if (config.stratify === undefined || config.target_col === undefined)
    return `CASE WHEN ${hash} % 1000000 < ${Math.round(first * 1e6)} THEN 0 WHEN ${hash} % 1000000 < ${Math.round(second * 1e6)} THEN 1 ELSE 2 END`;
  const target = quoteIdentifier(config.target_col);
  const rank = `(row_number() OVER (PARTITION BY ${target} ORDER BY ${hash}, ${quoteIdentifier(ROW)}) - 0.5) / count(*) OVER (PARTITION BY ${target})`;
  return `CASE WHEN ${rank} < ${first} THEN 0 WHEN ${rank} < ${second} THEN 1 ELSE 2 END`;
}

async function byTime(
  tables: Tables,
  source: string,
  column: string | undefined,
  [first, second]: readonly [number, number],
): Promise<{ split: string; cuts: string[] }> {
  const name = column ?? '';
  if (column === undefined)
    throw new RecipeError('DATA_COLUMN_UNKNOWN', { column: '(none)', what: 'split using time', known: [] });
  const id = quoteIdentifier(name);
  const [missing] = await tables.query(`SELECT (count(*) - count(${id}))::DOUBLE AS rows FROM ${source}`);
  if (Number(missing?.['rows']) > 0)
    throw new RecipeError('SPLIT_TIME_MISSING', { column: name, rows: Number(missing?.['rows']) });
  const [cut] = await tables.query(
    `SELECT quantile_disc(${id}, [${first}, ${second}])::VARCHAR[] AS cuts, max(${id})::VARCHAR AS last FROM ${source}`,
  );
  const [wantedEarly = '', wantedLate = ''] = ((cut?.['cuts'] ?? []) as string[]).map(String);
  const next = async (
    aggregate: 'max' | 'min',
    sign: '<' | '>',
    time: string,
  ): Promise<string | undefined> => {
    const [row] = await tables.query(
      `SELECT ${aggregate}(${id})::VARCHAR AS time FROM ${source} WHERE ${id} ${sign} ${quoteLiteral(time)}`,
    );
    return typeof row?.['time'] === 'string' ? row['time'] : undefined;
  };
  // Of few times with many rows each, every part gets one if there are three.
  let [early, late] = [wantedEarly, wantedLate];
  if (late === cut?.['last']) late = (await next('max', '<', late)) ?? late;
  if (early === late || early === cut?.['last']) {
    const earlier = await next('max', '<', late);
    early = earlier ?? late;
    if (earlier === undefined) late = (await next('min', '>', late)) ?? late;
  }
  const cuts = [early, late];
  return {
    split: `CASE WHEN ${id} <= ${quoteLiteral(early)} THEN 0 WHEN ${id} <= ${quoteLiteral(late)} THEN 1 ELSE 2 END`,
    cuts,
  };
}

async function countRows(tables: Tables, assigned: string): Promise<{ all: number[]; kept: number }> {
  const counts = await tables.query(
    `SELECT split::INTEGER AS split, count(*)::DOUBLE AS rows, count(*) FILTER (kept)::DOUBLE AS kept FROM ${assigned} GROUP BY split`,
  );
  const of = (index: number, key: string): number =>
    Number(counts.find((row) => Number(row['split']) === index)?.[key] ?? 0);
  return { all: [of(0, 'rows'), of(1, 'rows'), of(2, 'rows')], kept: of(0, 'kept') };
}

async function targetBalance(
  tables: Tables,
  outputs: Readonly<Record<string, string>>,
  target: string,
): Promise<object> {
  const found: Record<string, unknown> = {};
  for (const name of SPLITS) {
    const rows = await tables.query(
      `SELECT ${quoteIdentifier(target)}::VARCHAR AS value, count(*)::DOUBLE AS rows FROM read_parquet(${quoteLiteral(outputs[name] ?? '')}) GROUP BY value ORDER BY rows DESC, value LIMIT 10`,
    );
    found[name] = rows.map((row) => ({ value: row['value'], rows: row['rows'] }));
  }
  return { column: target, values: found };
}
