import { readFileSync } from 'node:fs';
import { defineStep, RecipeError, Type } from 'stockpot/steps';
import { describeSelect, quoteIdentifier, quoteLiteral, ROW, Tables } from 'stockpot/tables';

/** Runs one SELECT over its inputs; each input table is a view of its name. */
export const step = defineStep({
  title: 'Make a table by an SQL query over other tables',
  version: '2',
  config: Type.Object(
    {
      query: Type.Optional(
        Type.Unsafe<string>({ type: 'string', 'x-file': true, description: 'File that holds the query.' }),
      ),
      sql: Type.Optional(Type.String({ description: 'The query itself.' })),
    },
    { additionalProperties: false },
  ),
  inputs: {
    '*': {
      kind: 'any',
      optional: true,
      description: 'Any number of tables, by the names that the query uses.',
    },
  },
  outputs: {
    data: {
      path: 'data.parquet',
      kind: 'table',
      description: 'The rows of the query, numbered in its order.',
    },
  },
  async run({ config, inputs, outputs, memoryBytes, tmp, report }) {
    const query = bare(config.sql ?? (config.query === undefined ? '' : readFileSync(config.query, 'utf8')));
    const invalid = (problem: string, cause?: unknown): RecipeError =>
      new RecipeError(
        'DATA_EXPRESSION_INVALID',
        { name: config.query ?? 'sql', expression: query.slice(0, 120), problem },
        { cause },
      );
    if (query === '') throw invalid('there is no query: give `query:` or `sql:`');
    // Sums of doubles, and the order of groups, would depend on which of two threads is done first.
    await using tables = await Tables.open({ threads: 1, memoryBytes, tmp });
    const paths = Object.entries(inputs as Readonly<Record<string, string>>);
    for (const [name, path] of paths)
      await tables.run(`CREATE VIEW ${quoteIdentifier(name)} AS SELECT * FROM ${readerOf(path)}`);
    await tables.lock([...paths.map(([, path]) => path), outputs.data, `${outputs.data}.tmp`]);
    const columns = await describeSelect(tables, query).catch((cause: unknown) => {
      throw invalid(cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause), cause);
    });
    const numbered = columns.some(({ name }) => name === ROW)
      ? query
      : `SELECT row_number() OVER () - 1 AS ${quoteIdentifier(ROW)}, * FROM (${query}\n)`;
    await tables.writeTable(numbered, outputs.data);
    const [count] = await tables.query(
      `SELECT count(*)::DOUBLE AS rows FROM read_parquet(${quoteLiteral(outputs.data)})`,
    );
    report({ type: 'progress', done: Number(count?.['rows']), unit: 'rows' });
  },
});

/** Without the semicolon and the comments that may follow it. */
function bare(query: string): string {
  const shorter = query.trimEnd().replace(/;$|(?:^|\n)\s*--[^\n]*$/, '');
  return shorter === query ? query : bare(shorter);
}

function readerOf(path: string): string {
  const file = quoteLiteral(path);
  if (/\.(?:csv|tsv)(?:\.gz)?$/i.test(path)) return `read_csv(${file}, header = true)`;
  return /\.(?:json|ndjson|jsonl)(?:\.gz)?$/i.test(path) ? `read_json(${file})` : `read_parquet(${file})`;
}
