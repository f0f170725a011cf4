import * as fc from 'fast-check';
import type { TrackedRunWrite } from '../../src/engine/tracking-port.ts';

/** A comparison as it is generated: its text, and whether a run satisfies it, worked out without a database. */
export interface Sample {
  readonly text: string;
  readonly holds: (run: TrackedRunWrite) => boolean;
}

/** Few values, so that runs and filters meet; every kind of character that a quote or a pattern could trip over. */
const TEXTS = [
  '',
  'a',
  'A',
  'ab',
  'a_b',
  'a%b',
  '%',
  '_',
  '*',
  'a*',
  '[a]',
  '?',
  "it's",
  '"q"',
  '`',
  '\\',
  'é',
  '東京',
  "' OR 1=1 --",
];
const KEYS = ['k', 'K', 'a b', 'k.x/y-z'];
const NUMBERS = [0, -0, 1, 0.1, -1e300, 5e-324, Number.NaN, Number.NaN, Infinity];
const LARGEST = Number.MAX_VALUE;

const text = fc.constantFrom(...TEXTS);
const key = fc.constantFrom(...KEYS);

/** Runs with values of everything that a filter can name. */
export const runs: fc.Arbitrary<TrackedRunWrite[]> = fc
  .array(
    fc.record(
      {
        name: text,
        startTime: fc.integer({ min: 0, max: 3 }),
        status: fc.constantFrom('FINISHED' as const, 'FAILED' as const),
        endTime: fc.integer({ min: 3, max: 5 }),
        params: pairs(),
        tags: pairs(),
        metrics: fc.uniqueArray(
          fc.record({
            key,
            value: fc.constantFrom(...NUMBERS),
            step: fc.constant(0),
            timestamp: fc.constant(1),
          }),
          { selector: (metric) => metric.key, maxLength: 3 },
        ),
        datasets: fc.array(
          fc.record(
            {
              name: fc.constantFrom('a', 'A', 'b'),
              digest: fc.constantFrom('1', '2'),
              sourceType: fc.constant('local'),
              source: fc.constant('{}'),
              context: fc.constantFrom('training', 'test'),
            },
            { requiredKeys: ['name', 'digest', 'sourceType', 'source'] },
          ),
          { maxLength: 2 },
        ),
      },
      { requiredKeys: [] },
    ),
    { maxLength: 8 },
  )
  .map((list) =>
    list.map((run, index) => ({
      id: `r${index}`,
      ...run,
      // A time of the end without an end is none.
      ...(run.status === undefined ? { endTime: 0 } : {}),
    })),
  )
  .map((list) =>
    list.map(({ endTime, ...run }) => (run.status === undefined ? run : { ...run, endTime: endTime ?? 4 })),
  );

export const filters: fc.Arbitrary<Sample> = fc
  .array(fc.oneof(texts(), numbers(), nulls()), { minLength: 1, maxLength: 4 })
  .chain((samples) =>
    fc.constantFrom(' AND ', ' and ', '\n AND\t').map((and) => ({
      text: samples.map((sample) => sample.text).join(and),
      holds: (run: TrackedRunWrite) => samples.every((sample) => sample.holds(run)),
    })),
  );

function pairs(): fc.Arbitrary<{ key: string; value: string }[]> {
  return fc.uniqueArray(fc.record({ key, value: text }), { selector: (pair) => pair.key, maxLength: 3 });
}

/** Where a text of a run stands: how it is written, and its values; a run may have none, or several. */
function textPlaces(): fc.Arbitrary<{ written: string; of: (run: TrackedRunWrite) => string[] }> {
  const entries = (entity: string, group: 'params' | 'tags', name: string): ReturnType<typeof place> =>
    place(`${entity}.${quotedKey(name)}`, (run) =>
      (run[group] ?? []).flatMap((pair) => (pair.key === name ? [pair.value] : [])),
    );
  return fc.oneof(
    fc
      .tuple(fc.constantFrom('params', 'param', 'parameters', 'PARAMS'), key)
      .map(([entity, name]) => entries(entity, 'params', name)),
    fc.tuple(fc.constantFrom('tags', 'tag'), key).map(([entity, name]) => entries(entity, 'tags', name)),
    fc.constantFrom(
      place('run_name', (run) => [run.name ?? run.id]),
      place('attributes.`Run name`', (run) => [run.name ?? run.id]),
      place('attr.run_id', (run) => [run.id]),
      place('status', (run) => [run.status ?? 'RUNNING']),
      place('user_id', () => ['']),
      place('datasets.name', (run) => (run.datasets ?? []).map((dataset) => dataset.name)),
      place('dataset.digest', (run) => (run.datasets ?? []).map((dataset) => dataset.digest)),
      place('datasets.context', (run) => (run.datasets ?? []).map((dataset) => dataset.context ?? '')),
    ),
  );
}

function place(
  written: string,
  of: (run: TrackedRunWrite) => string[],
): { written: string; of: (run: TrackedRunWrite) => string[] } {
  return { written, of };
}

function texts(): fc.Arbitrary<Sample> {
  const value = fc.oneof(
    text,
    fc.constantFrom('r0', 'r1', 'FINISHED', 'RUNNING', 'finished', 'training', 'R_'),
  );
  return fc.oneof(
    fc
      .tuple(
        textPlaces(),
        fc.constantFrom('=', '!=', 'LIKE', 'ILIKE', 'like', '<>'),
        value,
        fc.constantFrom("'", '"'),
      )
      .map(([{ written, of }, operator, wanted, quote]) => ({
        text: `${written} ${operator} ${quoted(wanted, quote)}`,
        holds: (run: TrackedRunWrite) => of(run).some((found) => compareText(found, operator, wanted)),
      })),
    fc
      .tuple(textPlaces(), fc.boolean(), fc.array(value, { minLength: 1, maxLength: 3 }))
      .map(([{ written, of }, isIn, wanted]) => ({
        text: `${written} ${isIn ? 'IN' : 'NOT  IN'} (${wanted.map((one) => quoted(one, "'")).join(', ')})`,
        holds: (run: TrackedRunWrite) => of(run).some((found) => wanted.includes(found) === isIn),
      })),
  );
}

function numbers(): fc.Arbitrary<Sample> {
  const places = fc.oneof(
    fc.tuple(fc.constantFrom('metrics', 'metric'), key).map(([entity, name]) => ({
      written: `${entity}.${quotedKey(name)}`,
      of: (run: TrackedRunWrite) =>
        (run.metrics ?? []).flatMap((metric) =>
          metric.key === name ? [Math.max(-LARGEST, Math.min(LARGEST, metric.value))] : [],
        ),
    })),
    fc.constantFrom(
      { written: 'start_time', of: (run: TrackedRunWrite) => optional(run.startTime) },
      { written: 'attributes.created', of: (run: TrackedRunWrite) => optional(run.startTime) },
      { written: 'run.end_time', of: (run: TrackedRunWrite) => optional(run.endTime) },
    ),
  );
  const value = fc.constantFrom(...NUMBERS.filter(Number.isFinite), LARGEST, 2, 3, 4);
  return fc
    .tuple(places, fc.constantFrom('=', '!=', '>', '>=', '<', '<='), value)
    .map(([{ written, of }, operator, wanted]) => ({
      text: `${written}${operator}${wanted}`,
      holds: (run: TrackedRunWrite) => of(run).some((found) => compareNumber(found, operator, wanted)),
    }));
}

function nulls(): fc.Arbitrary<Sample> {
  return fc
    .tuple(fc.constantFrom('params' as const, 'tags' as const), key, fc.boolean())
    .map(([group, name, isNull]) => ({
      text: `${group}.${quotedKey(name)} IS ${isNull ? '' : 'NOT '}NULL`,
      holds: (run: TrackedRunWrite) => (run[group] ?? []).some((pair) => pair.key === name) !== isNull,
    }));
}

/** As IEEE 754 has it: NaN differs from everything, and is neither above nor below. */
function compareNumber(a: number, operator: string, b: number): boolean {
  switch (operator) {
    case '=':
      return a === b;
    case '!=':
      return a !== b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
    case '<':
      return a < b;
    default:
      return a <= b;
  }
}

function compareText(a: string, operator: string, b: string): boolean {
  switch (operator.toUpperCase()) {
    case '=':
      return a === b;
    case 'LIKE':
      return pattern(b, 'su').test(a);
    case 'ILIKE':
      return pattern(b, 'siu').test(a);
    default:
      return a !== b;
  }
}

function pattern(like: string, flags: string): RegExp {
  const parts = like.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
  return new RegExp(`^${parts.replaceAll('%', '.*').replaceAll('_', '.')}$`, flags);
}

function quotedKey(name: string): string {
  return /^[\w./-]+$/.test(name) ? name : `\`${name}\``;
}

function quoted(value: string, quote: string): string {
  return quote + value.replaceAll(quote, quote + quote) + quote;
}

function optional(value: number | undefined): number[] {
  return value === undefined ? [] : [value];
}
