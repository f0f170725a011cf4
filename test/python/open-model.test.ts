import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Column } from '../../src/core/columns.ts';
import type { Scores } from '../../src/learn/model-answer.ts';
import { writeModelDirectory } from '../../src/learn/model-directory.ts';
import { openModel } from '../../src/learn/open-model.ts';
import type { Transformer } from '../../src/learn/transformer/transformer.ts';
import { fitModel, rawRows, transformerFor } from '../rigs/model-rig.ts';

/** An interpreter that has mlflow and onnxruntime, from `npm run test:python`. */
const PYTHON = process.env['STOCKPOT_TEST_PYTHON'];

const CASES = [
  ['gbdt', 'regression', 'float'],
  ['gbdt', 'binary', 'boolean'],
  ['gbdt', 'binary', 'text'],
  ['gbdt', 'multiclass', 'text'],
  ['gbdt', 'multiclass', 'integer'],
  ['linear', 'regression', 'float'],
  ['linear', 'binary', 'boolean'],
  ['linear', 'binary', 'integer'],
  ['linear', 'multiclass', 'text'],
] as const;

describe.skipIf(PYTHON === undefined)("MLflow's own client gives what Stockpot gives, from raw rows", () => {
  let verdicts: readonly string[] = [];

  beforeAll(async () => {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    try {
      const cases = await Promise.all(CASES.map((one, at) => caseOf(one, dir, at)));
      writeFileSync(join(dir, 'cases.json'), JSON.stringify(cases));
      const script = join(import.meta.dirname, 'open-model.py');
      const printed = execFileSync(PYTHON ?? '', [script, join(dir, 'cases.json')], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      verdicts = JSON.parse(printed.trim().split('\n').at(-1) ?? '') as string[];
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test.each(CASES.map((one, at) => [...one, at] as const))('%s, %s, labels of type %s', (_, _1, _2, at) => {
    expect(verdicts[at]).toBe('equal');
  });
});

async function caseOf([kind, task, type]: (typeof CASES)[number], dir: string, at: number): Promise<object> {
  const all = rawRows('linear');
  const transformer = transformerFor(task, type);
  const model = join(dir, `model-${at}`);
  writeModelDirectory(model, { transformer, model: await fitModel(task, kind, transformer, all) });
  const columns = Object.fromEntries(
    all.columns.map((column) => [column.name, { type: column.type, values: valuesOf(column) }]),
  );
  return { model, columns, expected: expectedOf(transformer, await (await openModel(model)).score(all)) };
}

function expectedOf({ target: { type, classes = [] } }: Transformer, scores: Scores): object {
  if (scores.kind === 'regression') return { prediction: [...scores.prediction] };
  const labels = Array.from(scores.labels, (k) =>
    type === 'boolean' ? classes[k] === 'true' : type === 'integer' ? Number(classes[k]) : classes[k],
  );
  return {
    predicted_label: labels,
    ...Object.fromEntries(
      classes.map((name, k) => [`predicted_score_${name}`, [...(scores.probabilities[k] ?? [])]]),
    ),
  };
}

/** As JSON has them: missing numbers and dates are null, missing texts empty. */
function valuesOf(column: Column): unknown[] {
  if (column.type === 'text')
    return Array.from(column.codes, (code) => (code === -1 ? '' : column.dictionary[code]));
  return column.type === 'boolean' ? Array.from(column.values, (value) => value === 1) : [...column.values];
}
