import { unreachable } from '../../core/failure.ts';
import type { CalendarPart, Feature, InputColumn, Transformer } from '../transformer/transformer.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { ElementType } from './tensor.ts';

const DAY_MS = 86_400_000;

/** What pandas makes of a missing date (`NaT`) where whole numbers are wanted. */
const MISSING_DATE = -(2n ** 63n);

/** How a raw column enters the graph: numbers that may be missing as floats, the others as what they are. */
export function elementOf({ type, nullable }: InputColumn): ElementType {
  if (type === 'text') return 'string';
  if (type === 'date') return 'int64';
  if (type === 'float' || nullable) return 'float';
  return type === 'boolean' ? 'bool' : 'int64';
}

/** Adds the operations from raw columns to one matrix, rows × features, of float32. */
export function addFeatures(graph: GraphBuilder, { inputs, features }: Transformer): string {
  const columns = new Map(
    inputs.map((input) => [
      input.name,
      inputs.length === 1
        ? graph.onlyInput(input.name, elementOf(input))
        : graph.input(input.name, elementOf(input)),
    ]),
  );
  const elements = new Map(inputs.map((input) => [input.name, elementOf(input)]));
  const axis = graph.constant('int64', [1], [1]);
  const calendars = new Map<string, Calendar>();
  const parts = features.map((feature) => {
    const column = columns.get(feature.column) ?? feature.column;
    return graph.node('Unsqueeze', [
      addFeature(graph, feature, column, elements.get(feature.column) ?? 'float', calendars),
      axis,
    ]);
  });
  return graph.node('Concat', parts, { axis: 1 });
}

function addFeature(
  graph: GraphBuilder,
  feature: Feature,
  column: string,
  element: ElementType,
  calendars: Map<string, Calendar>,
): string {
  const float = (value: number): string => graph.constant('float', [Math.fround(value)]);
  switch (feature.op) {
    case 'number':
      return element === 'float' ? column : graph.cast(column, 'float');
    case 'scale': {
      const number = element === 'float' ? column : graph.cast(column, 'float');
      const filled = graph.node('Where', [graph.node('IsNaN', [number]), float(feature.fill), number]);
      return graph.node('Div', [graph.node('Sub', [filled, float(feature.mean)]), float(feature.std)]);
    }
    case 'one-hot':
      return labelEncoder(graph, column, [feature.value], [1]);
    case 'frequency':
      return labelEncoder(
        graph,
        column,
        feature.shares.map(([value]) => value),
        feature.shares.map(([, share]) => share),
      );
    case 'calendar': {
      const calendar = calendars.get(column) ?? new Calendar(graph, column);
      calendars.set(column, calendar);
      return graph.cast(calendar.part(feature.part), 'float');
    }
    default:
      return unreachable(feature);
  }
}

function labelEncoder(
  graph: GraphBuilder,
  column: string,
  keys: readonly string[],
  values: readonly number[],
): string {
  return graph.node(
    'LabelEncoder',
    [column],
    { keys_strings: keys, values_floats: { floats: values } },
    'ai.onnx.ml',
  );
}

/**
 * Parts of a date by whole-number arithmetic on milliseconds since 1970, after Howard Hinnant's
 * `civil_from_days` (http://howardhinnant.github.io/date_algorithms.html).
 */
class Calendar {
  readonly #graph: GraphBuilder;
  readonly #minute: string;
  readonly #days: string;
  #civil: { year: string; month: string; day: string } | undefined;

  constructor(graph: GraphBuilder, column: string) {
    this.#graph = graph;
    const isMissing = graph.node('Equal', [column, graph.constant('int64', [MISSING_DATE])]);
    const ms = graph.node('Where', [isMissing, graph.constant('int64', [0]), column]);
    const rest = this.#do('Mod', ms, DAY_MS);
    this.#minute = this.#do('Div', rest, 60_000);
    this.#days = this.#do('Div', graph.node('Sub', [ms, rest]), DAY_MS);
  }

  part(part: CalendarPart): string {
    if (part === 'minute') return this.#minute;
    if (part === 'weekday') return this.#do('Mod', this.#do('Add', this.#days, 4), 7);
    this.#civil ??= this.#fromDays();
    return this.#civil[part];
  }

  #fromDays(): { year: string; month: string; day: string } {
    const { node } = { node: (op: string, a: string, b: string): string => this.#graph.node(op, [a, b]) };
    const shifted = this.#do('Add', this.#days, 719_468);
    const dayOfEra = this.#do('Mod', shifted, 146_097);
    const era = this.#do('Div', node('Sub', shifted, dayOfEra), 146_097);
    const leaps = node(
      'Sub',
      node('Add', node('Sub', dayOfEra, this.#do('Div', dayOfEra, 1460)), this.#do('Div', dayOfEra, 36_524)),
      this.#do('Div', dayOfEra, 146_096),
    );
    const yearOfEra = this.#do('Div', leaps, 365);
    const before = node(
      'Sub',
      node('Add', this.#do('Mul', yearOfEra, 365), this.#do('Div', yearOfEra, 4)),
      this.#do('Div', yearOfEra, 100),
    );
    const dayOfYear = node('Sub', dayOfEra, before);
    const march = this.#do('Div', this.#do('Add', this.#do('Mul', dayOfYear, 5), 2), 153);
    const day = this.#do(
      'Add',
      node('Sub', dayOfYear, this.#do('Div', this.#do('Add', this.#do('Mul', march, 153), 2), 5)),
      1,
    );
    const month = this.#do('Add', this.#do('Mod', this.#do('Add', march, 2), 12), 1);
    const year = node('Add', node('Add', yearOfEra, this.#do('Mul', era, 400)), this.#do('Div', march, 10));
    return { year, month, day };
  }

  #do(op: string, value: string, by: number): string {
    return this.#graph.node(op, [value, this.#graph.constant('int64', [by])]);
  }
}
