import type { ClassifierReport, CriterionOutcome, RegressorReport } from 'stockpot/learn';
import { type CardBlock, type CardCell, defineCard } from 'stockpot/steps';
import { classifierBlocks } from './classifier-blocks.ts';
import { regressorBlocks } from './regressor-blocks.ts';

interface Judgement {
  readonly verdict: string;
  readonly criteria: readonly CriterionOutcome[];
}

type Metrics = Readonly<Record<string, number | null>>;

interface Evaluation {
  readonly classes: readonly string[];
  readonly primary_metric: string | null;
  readonly splits: Readonly<Record<string, ClassifierReport | RegressorReport>>;
  readonly baseline: Metrics;
  readonly champion: Metrics | null;
}

/** The verdict and why, metrics beside baseline and champion, and how the model errs on the test rows. */
export const card = defineCard(({ read }) => {
  const judgement = read('verdict') as Judgement;
  const evaluation = read('report') as Evaluation;
  const { test } = evaluation.splits;
  return [
    { kind: 'verdict', verdict: judgement.verdict },
    criteriaBlock(judgement.criteria),
    { kind: 'heading', text: 'Metrics' },
    metricsBlock(evaluation),
    { kind: 'heading', text: 'On the test rows' },
    ...(test === undefined
      ? []
      : 'confusion' in test
        ? classifierBlocks(test, evaluation.classes)
        : regressorBlocks(test)),
  ];
});

function criteriaBlock(criteria: readonly CriterionOutcome[]): CardBlock {
  if (criteria.length === 0) return { kind: 'text', text: 'No criteria were given.' };
  return {
    kind: 'table',
    head: ['criterion', 'rule', 'value', 'compared with', ''],
    rows: criteria.map(({ metric, rule, value, other, passed, note }) => [
      metric,
      rule,
      value,
      other ?? note ?? null,
      passed ? '✓ passed' : '✗ failed',
    ]),
  };
}

/** The primary metric first; the others as they were computed. */
function metricsBlock({ splits, baseline, champion, primary_metric: primary }: Evaluation): CardBlock {
  const columns: [string, Metrics][] = Object.entries(splits).map(([name, { metrics }]) => [name, metrics]);
  columns.push(['baseline (test)', baseline]);
  if (champion !== null) columns.push(['champion (test)', champion]);
  const names = Object.keys(splits['test']?.metrics ?? {}).toSorted(
    (a, b) => Number(b === primary) - Number(a === primary),
  );
  return {
    kind: 'table',
    head: ['metric', ...columns.map(([name]) => name)],
    rows: names.map((name): CardCell[] => [name, ...columns.map(([, metrics]) => metrics[name] ?? null)]),
  };
}
