import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { judge } from '../../src/learn/criteria.ts';
import { classifierReport } from '../../src/learn/metrics/classifier-metrics.ts';
import { rankingCurves } from '../../src/learn/metrics/ranking.ts';
import { regressorReport } from '../../src/learn/metrics/regressor-metrics.ts';

/** A case of `test/python/metric-figures.py`, with what MLflow computes. */
interface Figures {
  readonly name: string;
  readonly y: readonly number[];
  readonly p: readonly number[] | readonly (readonly number[])[];
  readonly w?: readonly number[];
  /** Of classifiers. */
  readonly labels?: readonly number[];
  readonly metrics: Readonly<Record<string, number | null>>;
  /** MLflow computes nothing here. */
  readonly error?: string;
}

const FIGURES = JSON.parse(
  readFileSync(join(import.meta.dirname, '../golden/metric-figures.json'), 'utf8'),
) as Figures[];

/** MLflow computes these in float32. */
const FLOAT32 = new Set(['log_loss', 'max_error']);

function metricsOf({ y, p, w, labels }: Figures): Record<string, number> {
  const weight = w === undefined ? undefined : Float64Array.from(w);
  if (labels === undefined)
    return regressorReport(Float64Array.from(y), Float32Array.from(p as number[]), weight).metrics;
  const byRow = p as readonly (readonly number[])[];
  return classifierReport({
    truth: Int32Array.from(y),
    labels: Int32Array.from(labels),
    probabilities: (byRow[0] ?? []).map((_, k) => Float32Array.from(byRow, (row) => row[k] as number)),
    weight,
  }).metrics;
}

describe("metrics are MLflow's own", () => {
  test.each(FIGURES.filter(({ error }) => error === undefined).map((one) => [one.name, one] as const))(
    '%s',
    (_, figures) => {
      const ours = metricsOf(figures);
      expect(Object.keys(ours).toSorted()).toEqual(Object.keys(figures.metrics).toSorted());
      for (const [name, theirs] of Object.entries(figures.metrics)) {
        const value = ours[name] as number;
        const tolerance = (FLOAT32.has(name) ? 1e-6 : 1e-12) * Math.max(1e-3, Math.abs(theirs ?? 0));
        const isEqual = theirs === null ? Number.isNaN(value) : Math.abs(value - theirs) <= tolerance;
        expect({ name, value: isEqual ? theirs : value }).toEqual({ name, value: theirs });
      }
    },
  );

  test('where MLflow gives up, all that has a value is given', () => {
    const errors = FIGURES.filter(({ error }) => error !== undefined);
    expect(Object.fromEntries(errors.map((one) => [one.name, metricsOf(one)]))).toMatchInlineSnapshot(`
      {
        "five classes, one neither true nor said": {
          "accuracy_score": 0.5666666666666667,
          "example_count": 60,
          "f1_score": 0.5872176260048114,
          "f1_score_macro": 0.5232793522267206,
          "log_loss": 1.0887393085476345,
          "precision_score": 0.6321778711484594,
          "recall_score": 0.5666666666666667,
          "roc_auc": 0.76637086184256,
        },
        "no row is positive, nor is one said to be": {
          "accuracy_score": 1,
          "example_count": 3,
          "f1_score": 0,
          "false_negatives": 0,
          "false_positives": 0,
          "log_loss": 0.22839301317681984,
          "precision_recall_auc": 0,
          "precision_score": 0,
          "recall_score": 0,
          "roc_auc": NaN,
          "true_negatives": 3,
          "true_positives": 0,
        },
        "three classes, one absent": {
          "accuracy_score": 0.5166666666666667,
          "example_count": 60,
          "f1_score": 0.6204201793121905,
          "f1_score_macro": 0.41081225746019,
          "log_loss": 0.9835697867529736,
          "precision_score": 0.7764411027568923,
          "recall_score": 0.5166666666666666,
          "roc_auc": 0.7470238095238095,
        },
      }
    `);
  });
});

describe('what a card draws', () => {
  test('equal scores are one step of a curve', () => {
    const { roc, pr } = rankingCurves(Float32Array.of(0.5, 0.5, 0.2, 0.5), Uint8Array.of(1, 0, 1, 0));
    expect({ roc, pr }).toEqual({
      roc: [
        [0, 0],
        [1, 0.5],
        [1, 1],
      ],
      pr: [
        [0, 1],
        [0.5, 1 / 3],
        [1, 0.5],
      ],
    });
  });

  test('any number is a score', () => {
    const scores = Float32Array.of(-0, Number.NaN, -2, 3, 0, -Infinity);
    const curve = (isPositive: readonly number[]): number =>
      rankingCurves(scores, Uint8Array.from(isPositive)).rocAuc;
    // In the order NaN, 3, ±0, −2, −∞.
    expect([
      curve([0, 1, 0, 0, 0, 0]),
      curve([0, 0, 0, 1, 0, 0]),
      curve([1, 0, 0, 0, 0, 0]),
      curve([0, 0, 1, 0, 0, 0]),
      curve([0, 0, 0, 0, 0, 1]),
    ]).toEqual([1, 0.8, 0.5, 0.2, 0]);
  });

  test('a curve of many steps has some 200 points, and both ends', () => {
    const scores = Float32Array.from({ length: 10_000 }, (_, row) => ((row * 7919) % 10_000) / 10_000);
    const { roc } = rankingCurves(
      scores,
      Uint8Array.from(scores, (score, row) => Number(score * 2 > row % 3)),
    );
    expect(roc.length).toBeGreaterThan(150);
    expect(roc.length).toBeLessThan(210);
    expect([roc[0], roc.at(-1)]).toEqual([
      [0, 0],
      [1, 1],
    ]);
  });

  test('a row of no weight is in the confusion, but moves no curve', () => {
    const classified = {
      truth: Int32Array.of(0, 1, 0, 1),
      labels: Int32Array.of(0, 1, 1, 0),
      probabilities: [Float32Array.of(0.95, 0.05, 0.2, 0.7), Float32Array.of(0.05, 0.95, 0.8, 0.3)],
    };
    const weighed = classifierReport({ ...classified, weight: Float64Array.of(1, 1, 0, 0) });
    expect(weighed.confusion).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(weighed.metrics).toMatchObject({ accuracy_score: 1, roc_auc: 1, precision_recall_auc: 1 });
    expect(weighed.calibration?.map(({ rows }) => rows)).toEqual([1, 1]);
  });
});

describe('the gate', () => {
  const others = { baseline: { roc_auc: 0.5, log_loss: 0.6 }, champion: { roc_auc: 0.7 } };
  test.each([
    [[], {}, 'UNKNOWN'],
    [[{ metric: 'roc_auc', threshold: 0.6 }], { roc_auc: 0.6 }, 'VALIDATED'],
    [[{ metric: 'log_loss', threshold: 0.5 }], { log_loss: 0.51 }, 'REJECTED'],
    [
      [{ metric: 'log_loss', against: 'baseline', min_absolute_change: 0.05 }],
      { log_loss: 0.54 },
      'VALIDATED',
    ],
    [[{ metric: 'roc_auc', against: 'champion', min_relative_change: 0.1 }], { roc_auc: 0.76 }, 'REJECTED'],
    [[{ metric: 'roc_auc', against: 'champion', min_relative_change: 0.1 }], { roc_auc: 0.78 }, 'VALIDATED'],
  ] as const)('%j of %j is %s', (criteria, metrics, verdict) => {
    expect(judge(criteria, metrics, others).verdict).toBe(verdict);
  });

  test('without a champion, a comparison with one passes', () => {
    const { verdict, outcomes } = judge(
      [{ metric: 'roc_auc', against: 'champion' }],
      { roc_auc: 0.1 },
      { baseline: {}, champion: undefined },
    );
    expect(verdict).toBe('VALIDATED');
    expect(outcomes[0]?.note).toBe('no champion yet');
  });
});
