import type { Json, JsonObject } from '../../core/json.ts';
import { isJsonObject } from '../../core/json.ts';
import { formatNumber } from '../text/format.ts';
import type { Block } from './blocks.ts';

const SPLITS = ['training', 'validation', 'test'] as const;

/** Verdict and criteria, metrics beside baseline and champion, curves of the test split. */
export function evaluationBlocks(outputs: Readonly<Record<string, Json>>): Block[] {
  const [verdict, report] = [outputs['verdict'], outputs['report']];
  if (!isJsonObject(verdict) || !isJsonObject(report)) return [];
  const splits = isJsonObject(report['splits']) ? report['splits'] : {};
  const test = isJsonObject(splits['test']) ? splits['test'] : {};
  return [
    { kind: 'verdict', verdict: String(verdict['verdict']) },
    ...criteriaBlocks(verdict['criteria']),
    { kind: 'heading', text: 'Metrics' },
    metricsBlock(splits, report),
    { kind: 'heading', text: 'On the test split' },
    ...curves(test),
    ...confusion(test, Array.isArray(report['classes']) ? report['classes'].map(String) : []),
    ...residuals(test),
  ];
}

function criteriaBlocks(criteria: Json | undefined): Block[] {
  if (!Array.isArray(criteria) || criteria.length === 0)
    return [{ kind: 'text', text: 'No criteria were given.' }];
  const rows = criteria
    .filter(isJsonObject)
    .map((one) => [
      String(one['metric']),
      String(one['rule']),
      formatNumber(Number(one['value'])),
      one['other'] === undefined ? String(one['note'] ?? '') : formatNumber(Number(one['other'])),
      one['passed'] === true ? 'passed' : 'failed',
    ]);
  return [{ kind: 'table', head: ['metric', 'rule', 'value', 'compared with', 'outcome'], rows }];
}

function metricsBlock(splits: JsonObject, report: JsonObject): Block {
  const columns = [
    ...SPLITS.map((name) => [name, metricsOf(splits[name])] as const),
    ['baseline', report['baseline']] as const,
    ['champion', report['champion']] as const,
  ];
  const shown = columns.filter(([, metrics]) => isJsonObject(metrics));
  const names = isJsonObject(metricsOf(splits['test']))
    ? Object.keys(metricsOf(splits['test']) as JsonObject)
    : [];
  const value = (metrics: Json | undefined, name: string): string => {
    const one = isJsonObject(metrics) ? metrics[name] : undefined;
    return typeof one === 'number' ? formatNumber(one) : '';
  };
  return {
    kind: 'table',
    head: [
      'metric',
      ...shown.map(([name]) => (name === 'baseline' || name === 'champion' ? `${name} (test)` : name)),
    ],
    rows: names.map((name) => [name, ...shown.map(([, metrics]) => value(metrics, name))]),
  };
}

function metricsOf(split: Json | undefined): Json | undefined {
  return isJsonObject(split) ? split['metrics'] : undefined;
}

function curves({ curves: both, calibration }: JsonObject): Block[] {
  if (!isJsonObject(both)) return [];
  const points = (value: Json | undefined): [number, number][] => (Array.isArray(value) ? value : []);
  const bins = Array.isArray(calibration) ? calibration.filter(isJsonObject) : [];
  return [
    {
      kind: 'lines',
      title: 'ROC',
      x: 'false positive rate',
      y: 'true positive rate',
      series: [{ name: 'model', points: points(both['roc']) }],
      diagonal: true,
    },
    {
      kind: 'lines',
      title: 'Precision and recall',
      x: 'recall',
      y: 'precision',
      series: [{ name: 'model', points: points(both['pr']) }],
    },
    ...(bins.length < 2
      ? []
      : [
          {
            kind: 'lines' as const,
            title: 'Calibration',
            x: 'predicted',
            y: 'observed',
            series: [
              {
                name: 'model',
                points: bins.map((bin): [number, number] => [
                  Number(bin['predicted']),
                  Number(bin['observed']),
                ]),
              },
            ],
            diagonal: true as const,
          },
        ]),
  ];
}

function confusion({ confusion: matrix }: JsonObject, classes: readonly string[]): Block[] {
  if (!Array.isArray(matrix)) return [];
  const cells = matrix.flatMap((line, row) =>
    Array.isArray(line)
      ? line.map((value: Json, column) => ({
          row: `is ${classes[row] ?? row}`,
          column: `said ${classes[column] ?? column}`,
          value: Number(value),
        }))
      : [],
  );
  return [{ kind: 'heat', title: 'Confusion', x: '', y: '', cells }];
}

function residuals({ scatter, residuals: bins }: JsonObject): Block[] {
  if (!Array.isArray(scatter)) return [];
  const middle = Array.isArray(bins)
    ? bins
        .filter(isJsonObject)
        .map((bin): [number, number] => [(Number(bin['from']) + Number(bin['to'])) / 2, Number(bin['rows'])])
    : [];
  return [
    {
      kind: 'dots',
      title: 'Predicted against true',
      x: 'true',
      y: 'predicted',
      points: scatter as unknown as [number, number][],
    },
    {
      kind: 'lines',
      title: 'Residuals',
      x: 'true less predicted',
      y: 'rows',
      series: [{ name: 'rows', points: middle }],
    },
  ];
}
