import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Column } from '../../src/core/columns.ts';
import { openModel, type Scores, writeModelDirectory } from '../../src/learn/model-directory.ts';
import type { Transformer } from '../../src/learn/transformer/transformer.ts';
import { fitModel, rawRows, transformerFor } from '../rigs/model-rig.ts';

/** An interpreter that has mlflow and onnxruntime; without one there is nothing to compare with. */
const PYTHON = process.env['STOCKPOT_TEST_PYTHON'];

describe.skipIf(PYTHON === undefined)("MLflow's own client gives what Stockpot gives, from raw rows", () => {
  test.each([
    ['gbdt', 'regression'],
    ['gbdt', 'binary'],
    ['linear', 'multiclass'],
  ] as const)('%s, %s', (kind, task) => {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    try {
      const all = rawRows('linear');
      const transformer = transformerFor(task);
      const model = join(dir, 'model');
      writeModelDirectory(model, { transformer, model: fitModel(task, kind, transformer, all) });
      const expected = expectedOf(transformer, openModel(model).score(all));
      const columns = Object.fromEntries(
        all.columns.map((column) => [column.name, { type: column.type, values: valuesOf(column) }]),
      );
      writeFileSync(join(dir, 'case.json'), JSON.stringify({ columns, expected }));
      const script = join(import.meta.dirname, 'open-model.py');
      const verdict = execFileSync(PYTHON ?? '', [script, model, join(dir, 'case.json')], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      expect(verdict.trim()).toBe('equal');
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

function expectedOf({ target: { type, classes = [] } }: Transformer, scores: Scores): object {
  if (scores.kind === 'regression') return { prediction: [...scores.prediction] };
  const labels = Array.from(scores.labels, (k) => (type === 'boolean' ? classes[k] === 'true' : classes[k]));
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
