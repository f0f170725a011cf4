import {
  type ClassifierReport,
  classifierReport,
  type RegressorReport,
  regressorReport,
  type Scores,
  type ScoringModel,
  type Target,
  targetSql,
} from 'stockpot/learn';
import { RecipeError } from 'stockpot/steps';
import {
  describeSelect,
  quoteIdentifier,
  quoteLiteral,
  ROW,
  readColumns,
  type Tables,
} from 'stockpot/tables';

const BATCH = 250_000;

/** A model, and what it is held against. */
export interface Judged {
  readonly model: ScoringModel;
  readonly target: Target;
  /** Column of row weights. */
  readonly weight: string | undefined;
}

export interface JudgedSplit {
  readonly report: ClassifierReport | RegressorReport;
  readonly rows: number;
  readonly truth: Truth;
}

/** What is true of the rows whose target is known; another row cannot be judged. */
export interface Truth {
  /** The value, or the index of the class. */
  readonly values: Float64Array;
  readonly weight: Float64Array | undefined;
}

/** Scores a table and compares with its target. @throws RecipeError DATA_COLUMN_UNKNOWN, TRANSFORM_WEIGHT_INVALID */
export async function judgeSplit(
  tables: Tables,
  judged: Judged,
  path: string,
  split: string,
): Promise<JudgedSplit> {
  await checkColumns(tables, judged, path);
  const { values, weight } = await readTarget(tables, judged, path, split);
  const scores = await scoreTable(tables, judged.model, path, values.length);
  const known = knownRows(values);
  const truth = { values: pick(values, known), weight: weight && pick(weight, known) };
  const report =
    scores.kind === 'regression'
      ? regressorReport(truth.values, pick(scores.prediction, known), truth.weight)
      : classifierReport({
          truth: new Int32Array(truth.values),
          labels: pick(scores.labels, known),
          probabilities: scores.probabilities.map((one) => pick(one, known)),
          weight: truth.weight,
        });
  return { report, rows: values.length, truth };
}

async function checkColumns(tables: Tables, { model, target, weight }: Judged, path: string): Promise<void> {
  const columns = await describeSelect(tables, `SELECT * FROM read_parquet(${quoteLiteral(path)})`);
  const known = columns.map(({ name }) => name);
  const wanted = [
    ...[...model.inputs, target.column].map((column) => ({ column, what: 'the model' })),
    ...(weight === undefined ? [] : [{ column: weight, what: 'weight_col' }]),
  ];
  const missing = wanted.find(({ column }) => !known.includes(column));
  if (missing !== undefined) throw new RecipeError('DATA_COLUMN_UNKNOWN', { ...missing, known });
}

/** In the order of the rows; NaN for an unknown target. */
async function readTarget(
  tables: Tables,
  { target, weight: column }: Judged,
  path: string,
  split: string,
): Promise<Truth> {
  const from = `read_parquet(${quoteLiteral(path)})`;
  const [count] = await tables.query(`SELECT count(*)::DOUBLE AS rows FROM ${from}`);
  const value = targetSql(target, { identifier: quoteIdentifier, literal: quoteLiteral });
  const expressions = [
    value,
    ...(column === undefined ? [] : [`TRY_CAST(${quoteIdentifier(column)} AS DOUBLE)`]),
  ];
  const [values = new Float64Array(0), weight] = await tables.doubles(
    `SELECT ${expressions.map((one) => `coalesce(${one}, 'NaN'::DOUBLE)`).join(', ')} FROM ${from} ORDER BY ${quoteIdentifier(ROW)}`,
    Number(count?.['rows']),
    expressions.length,
  );
  const wrong = weight?.reduce((sum, one) => sum + (one >= 0 && one < Infinity ? 0 : 1), 0) ?? 0;
  if (column !== undefined && wrong > 0)
    throw new RecipeError('TRANSFORM_WEIGHT_INVALID', { column, rows: wrong, split });
  return { values, weight };
}

/** Raw columns are read a part at a time; only the answers are kept. */
async function scoreTable(tables: Tables, model: ScoringModel, path: string, rows: number): Promise<Scores> {
  const [bounds] = await tables.query(
    `SELECT coalesce(max(${quoteIdentifier(ROW)}), -1)::DOUBLE AS last FROM read_parquet(${quoteLiteral(path)})`,
  );
  const whole: Scores =
    model.answer.task === 'regression'
      ? { kind: 'regression', prediction: new Float32Array(rows) }
      : {
          kind: 'classification',
          labels: new Int32Array(rows),
          probabilities: (model.answer.classes ?? []).map(() => new Float32Array(rows)),
        };
  let at = 0;
  for (let from = 0; from <= Number(bounds?.['last'] ?? -1); from += BATCH) {
    const columns = await readColumns(tables, path, { columns: model.inputs, from, to: from + BATCH });
    if (columns.rows === 0) continue;
    const part = await model.score(columns);
    if (whole.kind === 'regression' && part.kind === 'regression') whole.prediction.set(part.prediction, at);
    if (whole.kind === 'classification' && part.kind === 'classification') {
      whole.labels.set(part.labels, at);
      for (const [k, one] of whole.probabilities.entries()) one.set(part.probabilities[k] ?? [], at);
    }
    at += columns.rows;
  }
  return whole;
}

/** Undefined if all are. */
function knownRows(values: Float64Array): Uint32Array | undefined {
  let count = 0;
  for (const value of values) if (!Number.isNaN(value)) count += 1;
  if (count === values.length) return undefined;
  const known = new Uint32Array(count);
  let at = 0;
  for (const [row, value] of values.entries()) if (!Number.isNaN(value)) known[at++] = row;
  return known;
}

function pick<T extends Float64Array | Float32Array | Int32Array>(
  values: T,
  rows: Uint32Array | undefined,
): T {
  if (rows === undefined) return values;
  const picked = values.slice(0, rows.length) as T;
  for (let at = 0; at < rows.length; at += 1) picked[at] = values[rows[at] as number] as number;
  return picked;
}
