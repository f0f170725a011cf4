import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { answerColumns, openModel, type Scores, type ScoringModel } from 'stockpot/learn';
import { defineStep, RecipeError, Type } from 'stockpot/steps';
import { describeSelect, quoteIdentifier, quoteLiteral, ROW, readColumns, Tables } from 'stockpot/tables';

const BATCH = 250_000;

/** Predicts the rows of a raw table. */
export const step = defineStep({
  title: 'Predict the rows of a table with a model',
  version: '2',
  config: Type.Object({}, { additionalProperties: false }),
  inputs: {
    model: { kind: 'model' },
    data: { kind: 'table', description: 'Raw columns, as ingest gives them.' },
  },
  outputs: {
    predictions: {
      path: 'predictions.parquet',
      kind: 'table',
      description: 'Row numbers, the prediction, and the probability of each class.',
    },
  },
  async run({ inputs, outputs, threads, memoryBytes, tmp, report }) {
    await using tables = await Tables.open({ threads, memoryBytes, tmp });
    const model = await openModel(inputs.model);
    const source = `SELECT * FROM read_parquet(${quoteLiteral(inputs.data)})`;
    const known = (await describeSelect(tables, source)).map(({ name }) => name);
    const missing = model.inputs.find((name) => !known.includes(name));
    if (missing !== undefined)
      throw new RecipeError('DATA_COLUMN_UNKNOWN', { column: missing, what: 'the model', known });
    const [bounds] = await tables.query(
      `SELECT coalesce(max(${quoteIdentifier(ROW)}), -1)::DOUBLE AS last FROM (${source})`,
    );
    const last = Number(bounds?.['last']);
    const parts: string[] = [];
    for (let from = 0; from <= last; from += BATCH) {
      const columns = await readColumns(tables, inputs.data, {
        columns: [...model.inputs, ROW],
        from,
        to: from + BATCH,
      });
      const rows = columns.columns.find(({ name }) => name === ROW);
      if (columns.rows === 0 || rows === undefined || rows.type === 'text') continue;
      const path = join(tmp, `part-${parts.length}.parquet`);
      await tables.writeColumns(path, [
        { name: ROW, type: 'BIGINT', values: rows.values },
        ...answer(model, await model.score(columns)),
      ]);
      parts.push(path);
      report({ type: 'progress', done: Math.min(from + BATCH, last + 1), total: last + 1, unit: 'rows' });
    }
    if (parts.length === 0) throw new RecipeError('DATA_FILE_EMPTY', { file: 'data' });
    await tables.writeTable(
      `SELECT * FROM read_parquet([${parts.map(quoteLiteral).join(', ')}])`,
      outputs.predictions,
    );
    for (const path of parts) rmSync(path);
  },
});

type OutputColumn = Parameters<Tables['writeColumns']>[1][number];

function answer({ answer: said }: ScoringModel, scores: Scores): OutputColumn[] {
  const names = answerColumns(said).map(({ name }) => name);
  const [first = ''] = names;
  if (scores.kind === 'regression') return [{ name: first, type: 'FLOAT', values: scores.prediction }];
  const classes = said.classes ?? [];
  return [
    { name: first, type: 'VARCHAR', values: Array.from(scores.labels, (k) => classes[k] ?? '') },
    ...scores.probabilities.map(
      (values, k): OutputColumn => ({ name: names[k + 1] ?? '', type: 'FLOAT', values }),
    ),
  ];
}
