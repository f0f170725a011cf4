/** The gate: what a model must reach before it is registered. */
export interface Criterion {
  /** Without prefix: criteria read the test split. */
  readonly metric: string;
  /** At least, or at most for a metric of which less is better. */
  readonly threshold?: number;
  readonly against?: 'baseline' | 'champion';
  /** How much better than the other it must be, in the metric's own unit. */
  readonly min_absolute_change?: number;
  /** … as a share of the other's value. */
  readonly min_relative_change?: number;
}

export interface CriterionOutcome {
  readonly metric: string;
  readonly rule: string;
  readonly value: number;
  /** Of the baseline or champion; undefined where there is none. */
  readonly other?: number;
  readonly passed: boolean;
  readonly note?: string;
}

export type Verdict = 'VALIDATED' | 'REJECTED' | 'UNKNOWN';

const LESS_IS_BETTER = new Set([
  'mean_absolute_error',
  'mean_squared_error',
  'root_mean_squared_error',
  'max_error',
  'mean_absolute_percentage_error',
  'log_loss',
  'false_positives',
  'false_negatives',
]);

export function greaterIsBetter(metric: string): boolean {
  return !LESS_IS_BETTER.has(metric);
}

/** Judges the test metrics. Without criteria the verdict is UNKNOWN; without a champion, comparisons with one pass. */
export function judge(
  criteria: readonly Criterion[],
  metrics: Readonly<Record<string, number>>,
  others: {
    readonly baseline: Readonly<Record<string, number>>;
    readonly champion: Readonly<Record<string, number>> | undefined;
  },
): { verdict: Verdict; outcomes: CriterionOutcome[] } {
  const outcomes = criteria.map((criterion) => outcomeOf(criterion, metrics, others));
  const verdict =
    outcomes.length === 0 ? 'UNKNOWN' : outcomes.every(({ passed }) => passed) ? 'VALIDATED' : 'REJECTED';
  return { verdict, outcomes };
}

function outcomeOf(
  criterion: Criterion,
  metrics: Readonly<Record<string, number>>,
  others: Parameters<typeof judge>[2],
): CriterionOutcome {
  const { metric, threshold, against } = criterion;
  const value = metrics[metric] ?? Number.NaN;
  // Turned so that more is better.
  const sign = greaterIsBetter(metric) ? 1 : -1;
  const rules: string[] = [];
  let passed = !Number.isNaN(value);
  if (threshold !== undefined) {
    rules.push(`${sign === 1 ? '≥' : '≤'} ${threshold}`);
    passed &&= sign * value >= sign * threshold;
  }
  if (against === undefined) return { metric, rule: rules.join(', '), value, passed };
  const [absolute, relative] = [criterion.min_absolute_change ?? 0, criterion.min_relative_change];
  const change = relative === undefined ? `${absolute}` : `${relative * 100} %`;
  rules.push(`${change} better than the ${against}`);
  const other = against === 'baseline' ? others.baseline[metric] : others.champion?.[metric];
  if (other === undefined || Number.isNaN(other)) {
    const note = against === 'champion' ? 'no champion yet' : 'the baseline has no such value';
    return { metric, rule: rules.join(', '), value, passed, note };
  }
  // As MLflow: a comparison with 0 is one with a very small number.
  const scale = Math.abs(other) < 1e-10 ? 1e-10 : Math.abs(other);
  passed &&=
    sign * (value - other) >= absolute &&
    (relative === undefined || (sign * (value - other)) / scale >= relative);
  return { metric, rule: rules.join(', '), value, other, passed };
}
