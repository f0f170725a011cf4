import { describe, expect, test } from 'vitest';
import { judge } from '../../src/learn/criteria.ts';
import { classifierReport } from '../../src/learn/metrics/classifier-metrics.ts';
import { rankingCurves } from '../../src/learn/metrics/ranking.ts';
import { regressorReport } from '../../src/learn/metrics/regressor-metrics.ts';

describe('metrics are those of the definitions', () => {
  test('of a regressor', () => {
    const { metrics } = regressorReport(Float64Array.of(3, -0.5, 2, 7), Float32Array.of(2.5, 0, 2, 8));
    expect(metrics).toMatchObject({
      example_count: 4,
      mean_absolute_error: 0.5,
      mean_squared_error: 0.375,
      max_error: 1,
      sum_on_target: 11.5,
      mean_on_target: 2.875,
    });
    expect(metrics['r2_score']).toBeCloseTo(0.9486081370449679, 12);
    expect(metrics['mean_absolute_percentage_error']).toBeCloseTo(0.3273809523809524, 12);
  });

  test('of two classes', () => {
    const { metrics, confusion } = classifierReport({
      truth: Int32Array.of(0, 0, 1, 1),
      labels: Int32Array.of(0, 0, 0, 1),
      probabilities: [Float32Array.of(0.9, 0.6, 0.65, 0.2), Float32Array.of(0.1, 0.4, 0.35, 0.8)],
    });
    expect(confusion).toEqual([
      [2, 0],
      [1, 1],
    ]);
    expect(metrics).toMatchObject({
      true_negatives: 2,
      false_negatives: 1,
      precision_score: 1,
      recall_score: 0.5,
      accuracy_score: 0.75,
      roc_auc: 0.75,
    });
    expect(metrics['f1_score']).toBeCloseTo(2 / 3, 12);
    expect(metrics['log_loss']).toBeCloseTo(0.4722879, 6);
    expect(metrics['precision_recall_auc']).toBeCloseTo(0.7916667, 6);
  });

  test('equal scores are one step of the curve', () => {
    expect(rankingCurves(Float32Array.of(0.5, 0.5, 0.5, 0.5), Uint8Array.of(1, 0, 1, 0)).rocAuc).toBe(0.5);
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
