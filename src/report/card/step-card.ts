import type { Json, JsonObject } from '../../core/json.ts';
import { isJsonObject } from '../../core/json.ts';
import { formatCount, formatDuration, formatNumber } from '../text/format.ts';
import type { Block } from './blocks.ts';
import { evaluationBlocks } from './evaluation-blocks.ts';

/** What is known of a step when its card is asked for. */
export interface CardSubject {
  readonly component: string | undefined;
  readonly config: JsonObject;
  /** Parsed outputs of the kinds value and metrics. */
  readonly outputs: Readonly<Record<string, Json>>;
  readonly lineage: readonly (readonly [string, string])[];
  readonly durationMs: number;
}

/** What a person would look at: for the shipped components what they are about, for all how they came to be. */
export function stepCard(subject: CardSubject): Block[] {
  return [...contentOf(subject), ...configBlocks(subject.config), ...lineageBlocks(subject)];
}

function contentOf({ component, outputs }: CardSubject): Block[] {
  switch (component) {
    case 'ingest':
      return profileBlocks(outputs['profile']);
    case 'split':
      return splitBlocks(outputs['summary']);
    case 'transform':
      return transformBlocks(outputs['transformer']);
    case 'train':
      return [...curveBlocks(outputs['history']), ...importanceBlocks(outputs['importance'])];
    case 'evaluate':
      return evaluationBlocks(outputs);
    default:
      return Object.entries(outputs).flatMap(([name, value]) => [
        { kind: 'heading', text: name },
        ...valueBlocks(value),
      ]);
  }
}

function profileBlocks(profile: Json | undefined): Block[] {
  if (!isJsonObject(profile)) return [];
  const columns = listOf(profile['columns']);
  const rows = columns.map((column) => [
    text(column['name']),
    text(column['type']),
    text(column['missing']),
    text(column['distinct']),
    text(column['min']),
    text(column['mean']),
    text(column['max']),
    listOf(column['top'])
      .slice(0, 4)
      .map((one) => `${text(one['value'])} (${text(one['count'])})`)
      .join(', '),
  ]);
  return [
    { kind: 'text', text: `${text(profile['rows'])} rows, ${columns.length} columns` },
    {
      kind: 'table',
      head: ['column', 'type', 'missing', 'distinct', 'min', 'mean', 'max', 'most frequent'],
      rows,
    },
  ];
}

function splitBlocks(summary: Json | undefined): Block[] {
  if (!isJsonObject(summary)) return [];
  const splits = listOf(summary['splits']);
  const cuts = Array.isArray(summary['cuts']) ? `, cut at ${summary['cuts'].map(text).join(' and ')}` : '';
  return [
    {
      kind: 'text',
      text: `using ${text(summary['using'])}${summary['column'] === undefined ? '' : ` by ${text(summary['column'])}`}${cuts}; ${formatNumber(Number(summary['training_fraction'] ?? 1) * 100)} % of the training rows kept`,
    },
    {
      kind: 'bars',
      title: 'Rows of each split',
      x: 'rows',
      bars: splits.map((one) => ({ name: text(one['name']), value: Number(one['rows']) })),
    },
    {
      kind: 'table',
      head: ['split', 'rows', 'share of all'],
      rows: splits.map((one) => [
        text(one['name']),
        text(one['rows']),
        `${formatNumber(Number(one['share']) * 100)} %`,
      ]),
    },
  ];
}

function transformBlocks(transformer: Json | undefined): Block[] {
  if (!isJsonObject(transformer)) return [];
  const features = listOf(transformer['features']);
  const dropped = listOf(transformer['dropped']);
  return [
    {
      kind: 'text',
      text: `${features.length} features from ${listOf(transformer['inputs']).length} columns`,
    },
    {
      kind: 'table',
      head: ['feature', 'operation', 'column'],
      rows: features.slice(0, 200).map((one) => [text(one['name']), text(one['op']), text(one['column'])]),
    },
    ...(dropped.length === 0
      ? []
      : [
          {
            kind: 'table' as const,
            head: ['left out', 'why'],
            rows: dropped.map((one) => [text(one['column']), text(one['reason'])]),
          },
        ]),
  ];
}

function curveBlocks(history: Json | undefined): Block[] {
  const points = listOf(history);
  const series = (['trainingLoss', 'validationLoss'] as const).flatMap((key) => {
    const own = points.flatMap((one): [number, number][] =>
      typeof one[key] === 'number' ? [[Number(one['iteration']), one[key]]] : [],
    );
    return own.length < 2 ? [] : [{ name: key === 'trainingLoss' ? 'training' : 'validation', points: own }];
  });
  return series.length === 0
    ? []
    : [{ kind: 'lines', title: 'Loss by iteration', x: 'iteration', y: 'loss', series }];
}

function importanceBlocks(importance: Json | undefined): Block[] {
  const bars = listOf(importance)
    .slice(0, 25)
    .map((one) => ({ name: text(one['feature']), value: Number(one['share']) }));
  return bars.length === 0 ? [] : [{ kind: 'bars', title: 'Importance (share of gain)', x: 'share', bars }];
}

function configBlocks(config: JsonObject): Block[] {
  const rows = Object.entries(config).map(([key, value]) => [key, text(value)]);
  return rows.length === 0
    ? []
    : [
        { kind: 'heading', text: 'Configuration' },
        { kind: 'table', head: ['key', 'value'], rows },
      ];
}

function lineageBlocks({ lineage, durationMs }: CardSubject): Block[] {
  return [
    { kind: 'heading', text: 'Lineage' },
    {
      kind: 'table',
      head: ['what', 'digest'],
      rows: [...lineage.map(([name, digest]) => [name, digest]), ['took', formatDuration(durationMs)]],
    },
  ];
}

function valueBlocks(value: Json): Block[] {
  if (!isJsonObject(value)) return [{ kind: 'text', text: text(value).slice(0, 2000) }];
  return [
    {
      kind: 'table',
      head: ['key', 'value'],
      rows: Object.entries(value)
        .slice(0, 100)
        .map(([key, inner]) => [key, text(inner).slice(0, 400)]),
    },
  ];
}

export function listOf(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

export function text(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'number') return Number.isInteger(value) ? formatCount(value) : formatNumber(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}
