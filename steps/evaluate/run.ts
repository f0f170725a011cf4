import { writeFileSync } from 'node:fs';
import { type Criterion, judge, openModel } from 'stockpot/learn';
import { defineStep, oneOf, RecipeError, Type } from 'stockpot/steps';
import { datasetEntry, Tables } from 'stockpot/tables';
import { baselineMetrics } from './baseline.ts';
import { type Judged, type JudgedSplit, judgeSplit } from './judge-split.ts';

const SPLITS = ['training', 'validation', 'test'] as const;
const PREFIX = { training: 'training_', validation: 'val_', test: 'test_' } as const;

/** Scores a model on every split and judges it by criteria on the test split. */
export const step = defineStep({
  title: 'Judge a model: metrics on every split, against a baseline and the champion',
  version: '2',
  config: Type.Object(
    {
      target_col: Type.Optional(
        Type.String({ description: 'What the model predicts, if it does not say so itself.' }),
      ),
      weight_col: Type.Optional(
        Type.String({ description: 'Column that says how much each row counts in the metrics.' }),
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
    const judged: Judged = { model, target: { ...model.answer, column }, weight: config.weight_col };
    const metrics: Record<string, number> = {};
    const splits: Partial<Record<(typeof SPLITS)[number], JudgedSplit>> = {};
    let done = 0;
    for (const split of SPLITS) {
      const [digest, path] = [inputDigests[split], inputs[split]];
      report(await datasetEntry(tables, { name: split, digest, path, context: split }));
      const one = await judgeSplit(tables, judged, path, split);
      splits[split] = one;
      for (const [name, value] of Object.entries(one.report.metrics))
        if (Number.isFinite(value)) metrics[PREFIX[split] + name] = value;
      done += one.rows;
      report({ type: 'progress', done, unit: 'rows' });
    }
    const { training, test: tested } = splits as Record<(typeof SPLITS)[number], JudgedSplit>;
    const test = tested.report.metrics;
    const criteria: readonly Criterion[] = config.validation_criteria ?? [];
    const unknown = criteria.find(({ metric }) => !(metric in test));
    if (unknown !== undefined)
      throw new RecipeError('CRITERIA_METRIC_UNKNOWN', { metric: unknown.metric, known: Object.keys(test) });
    const baseline = baselineMetrics(model.answer, training.truth, tested.truth);
    let champion: Record<string, number> | undefined;
    if (inputs.champion !== undefined) {
      const live = await openModel(inputs.champion);
      // Held against the same column, whatever it was fitted to.
      const other = { ...judged, model: live, target: { ...live.answer, column } };
      champion = (await judgeSplit(tables, other, inputs.test, 'test')).report.metrics;
    }
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
        splits: Object.fromEntries(Object.entries(splits).map(([split, one]) => [split, one.report])),
        baseline,
        champion: champion ?? null,
      }),
    );
  },
});
