import { writeFileSync } from 'node:fs';
import {
  type ClassifierReport,
  type Criterion,
  classifierReport,
  judge,
  openModel,
  type RegressorReport,
  regressorReport,
  type Scores,
  type ScoringModel,
  type Target,
  targetSql,
} from 'stockpot/learn';
import { defineStep, oneOf, RecipeError, Type } from 'stockpot/steps';
import { describeSelect, quoteIdentifier, quoteLiteral, ROW, readColumns, Tables } from 'stockpot/tables';

const SPLITS = ['training', 'validation', 'test'] as const;
const PREFIX = { training: 'training_', validation: 'val_', test: 'test_' } as const;
const BATCH = 250_000;

/** Scores a model on every split and judges it by criteria on the test split. */
export const step = defineStep({
  title: 'Judge a model: metrics on every split, against a baseline and the champion',
  version: '2',
  config: Type.Object(
    {
      target_col: Type.Optional(
        Type.String({ description: 'What the model predicts, if it does not say so itself.' }),
      ),
      primary_metric: Type.Optional(Type.String()),
      validation_criteria: Type.Optional(
        Type.Array(
          Type.Object(
            {
              metric: Type.String(),
              threshold: Type.Optional(Type.Number()),
              against: Type.Optional(oneOf(['baseline', 'champion'])),
              min_absolute_change: Type.Optional(Type.Number({ minimum: 0 })),
              min_relative_change: Type.Optional(Type.Number({ minimum: 0 })),
            },
            { additionalProperties: false },
          ),
          { description: 'What the test metrics must reach; all of them, or the verdict is REJECTED.' },
        ),
      ),
    },
    { additionalProperties: false },
  ),
  inputs: {
    model: { kind: 'model' },
    training: { kind: 'table' },
    validation: { kind: 'table' },
    test: { kind: 'table' },
    champion: {
      kind: 'model',
      optional: true,
      description: 'The model that is live: scored on the same test rows.',
    },
  },
  outputs: {
    metrics: { path: 'metrics.json', kind: 'metrics' },
    verdict: {
      path: 'verdict.json',
      kind: 'value',
      description: 'VALIDATED, REJECTED or UNKNOWN, and each criterion.',
    },
    report: {
      path: 'report.json',
      kind: 'value',
      description: 'Curves, confusion, residuals: what the card shows.',
    },
  },
  async run({ config, inputs, inputDigests, outputs, threads, memoryBytes, tmp, report }) {
    await using tables = await Tables.open({ threads, memoryBytes, tmp });
    const model = await openModel(inputs.model);
    const column = config.target_col ?? model.targetColumn;
    if (column === undefined) throw new RecipeError('MODEL_TARGET_UNKNOWN', undefined);
    const judged: Judged = { model, target: { ...model.answer, column } };
    await checkColumns(tables, judged, inputs.test);
    const metrics: Record<string, number> = {};
    const reports: Record<string, Report> = {};
    let done = 0;
    for (const split of SPLITS) {
      const { report: one, rows } = await evaluate(tables, judged, inputs[split]);
      reports[split] = one;
      for (const [name, value] of Object.entries(one.metrics))
        if (Number.isFinite(value)) metrics[PREFIX[split] + name] = value;
      done += rows;
      report({ type: 'progress', done, unit: 'rows' });
    }
    const test = (reports['test'] as Report).metrics;
    const criteria: readonly Criterion[] = config.validation_criteria ?? [];
    const unknown = criteria.find(({ metric }) => !(metric in test));
    if (unknown !== undefined)
      throw new RecipeError('CRITERIA_METRIC_UNKNOWN', { metric: unknown.metric, known: Object.keys(test) });
    const baseline = await baselineOf(tables, judged.target, inputs.training, inputs.test);
    const champion =
      inputs.champion === undefined
        ? undefined
        : await championOf(tables, inputs.champion, column, inputs.test);
    const { verdict, outcomes } = judge(criteria, test, { baseline, champion });
    const isPrimary = (key: string): boolean => key === `test_${config.primary_metric}`;
    const ordered = Object.entries(metrics).toSorted(
      ([a], [b]) => Number(isPrimary(b)) - Number(isPrimary(a)),
    );
    for (const [key, value] of ordered) report({ type: 'metric', key, value });
    report({ type: 'tag', key: 'stockpot.verdict', value: verdict });
    writeFileSync(outputs.metrics, JSON.stringify(metrics));
    writeFileSync(
      outputs.verdict,
      JSON.stringify({
        verdict,
        criteria: outcomes,
        ...(inputDigests.champion === undefined ? {} : { champion: inputDigests.champion }),
      }),
    );
    writeFileSync(
      outputs.report,
      JSON.stringify({
        task: model.answer.task,
        classes: model.answer.classes ?? [],
        primary_metric: config.primary_metric ?? null,
        splits: reports,
        baseline,
        champion: champion ?? null,
      }),
    );
  },
});

type Report = ClassifierReport | RegressorReport;

/** A model, and what it is held against. */
interface Judged {
  readonly model: ScoringModel;
  readonly target: Target;
}

/** @throws RecipeError DATA_COLUMN_UNKNOWN */
async function checkColumns(tables: Tables, { model, target }: Judged, path: string): Promise<void> {
  const columns = await describeSelect(tables, `SELECT * FROM read_parquet(${quoteLiteral(path)})`);
  const known = columns.map(({ name }) => name);
  const missing = [...model.inputs, target.column].find((name) => !known.includes(name));
  if (missing !== undefined)
    throw new RecipeError('DATA_COLUMN_UNKNOWN', { column: missing, what: 'the model', known });
}

/** Metrics of the champion on the test rows; it is held against the same column, whatever it was fitted to. */
async function championOf(
  tables: Tables,
  dir: string,
  column: string,
  test: string,
): Promise<Record<string, number>> {
  const model = await openModel(dir);
  return (await evaluate(tables, { model, target: { ...model.answer, column } }, test)).report.metrics;
}

async function evaluate(
  tables: Tables,
  { model, target: judged }: Judged,
  path: string,
): Promise<{ report: Report; rows: number }> {
  const { target, rows } = await readTarget(tables, judged, path);
  const parts: Scores[] = [];
  // Raw columns are read a part at a time; only the answers are kept.
  const [bounds] = await tables.query(
    `SELECT coalesce(max(${quoteIdentifier(ROW)}), -1)::DOUBLE AS last FROM read_parquet(${quoteLiteral(path)})`,
  );
  for (let from = 0; from <= Number(bounds?.['last'] ?? -1); from += BATCH) {
    const columns = await readColumns(tables, path, { columns: model.inputs, from, to: from + BATCH });
    if (columns.rows > 0) parts.push(await model.score(columns));
  }
  return { report: reportOf(model, target, parts), rows };
}

function reportOf(model: ScoringModel, target: Float64Array, parts: readonly Scores[]): Report {
  // A row without a known target cannot be judged.
  const known = Uint32Array.from([...target.keys()].filter((row) => !Number.isNaN(target[row])));
  if (model.answer.task === 'regression') {
    const prediction = concat(
      parts.map((part) => (part.kind === 'regression' ? part.prediction : new Float32Array(0))),
    );
    return regressorReport(
      Float64Array.from(known, (row) => target[row] as number),
      Float32Array.from(known, (row) => prediction[row] as number),
    );
  }
  const classes = model.answer.classes ?? [];
  const labels = concat(
    parts.map((part) =>
      part.kind === 'classification' ? Float32Array.from(part.labels) : new Float32Array(0),
    ),
  );
  const probabilities = classes.map((_, k) =>
    concat(
      parts.map((part) =>
        part.kind === 'classification' ? (part.probabilities[k] as Float32Array) : new Float32Array(0),
      ),
    ),
  );
  return classifierReport({
    truth: Int32Array.from(known, (row) => target[row] as number),
    labels: Int32Array.from(known, (row) => labels[row] as number),
    probabilities: probabilities.map((one) => Float32Array.from(known, (row) => one[row] as number)),
  });
}

async function readTarget(
  tables: Tables,
  target: Target,
  path: string,
): Promise<{ target: Float64Array; rows: number }> {
  const from = `read_parquet(${quoteLiteral(path)})`;
  const [count] = await tables.query(`SELECT count(*)::DOUBLE AS rows FROM ${from}`);
  const rows = Number(count?.['rows']);
  const value = targetSql(target, { identifier: quoteIdentifier, literal: quoteLiteral });
  const [values] = await tables.doubles(
    `SELECT coalesce(${value}, 'NaN'::DOUBLE) FROM ${from} ORDER BY ${quoteIdentifier(ROW)}`,
    rows,
    1,
  );
  return { target: values ?? new Float64Array(0), rows };
}

/** Metrics on the test rows of the best constant: the training mean, or the training shares of the classes. */
async function baselineOf(
  tables: Tables,
  target: Target,
  training: string,
  test: string,
): Promise<Record<string, number>> {
  const known = ({ target }: { target: Float64Array }): Float64Array =>
    target.filter((value) => !Number.isNaN(value));
  const [fitted, judged] = [
    known(await readTarget(tables, target, training)),
    known(await readTarget(tables, target, test)),
  ];
  if (target.task === 'regression') {
    const mean = fitted.reduce((a, b) => a + b, 0) / fitted.length;
    return regressorReport(judged, new Float32Array(judged.length).fill(mean)).metrics;
  }
  const shares = (target.classes ?? []).map(
    (_, k) => fitted.reduce((sum, value) => sum + (value === k ? 1 : 0), 0) / fitted.length,
  );
  const label = shares.indexOf(Math.max(...shares));
  return classifierReport({
    truth: Int32Array.from(judged),
    labels: new Int32Array(judged.length).fill(label),
    probabilities: shares.map((share) => new Float32Array(judged.length).fill(share)),
  }).metrics;
}

function concat(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
