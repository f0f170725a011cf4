import { answerColumns } from './answer-columns.ts';
import type { GraphValue } from './onnx/read-graph.ts';
import { elementType, type NumberTensor, type Tensor, type Values } from './onnx/tensor.ts';
import type { Answer } from './transformer/transformer.ts';

/** What a model says of some rows. */
export type Scores =
  | { readonly kind: 'regression'; readonly prediction: Float32Array }
  /** `labels` are indices into the classes; one array of probabilities a class. */
  | {
      readonly kind: 'classification';
      readonly labels: Int32Array;
      readonly probabilities: readonly Float32Array[];
    };

const LABEL = 'predicted_label';
const SCORE = 'predicted_score_';
const LABEL_TYPES = { bool: 'boolean', int64: 'integer', string: 'text' } as const;

/**
 * What a graph answers, from the names and types of its outputs: one number, or a label and a score a class.
 *
 * @throws Error for any other answer.
 */
export function answerOf(outputs: readonly GraphValue[]): Answer {
  const [first] = outputs;
  const element = elementType(first?.element ?? 0);
  if (outputs.length === 1 && (element === 'float' || element === 'double'))
    return { task: 'regression', type: 'float' };
  const label = outputs.find(({ name }) => name === LABEL);
  const scores = outputs.filter(({ name }) => name.startsWith(SCORE));
  const type = LABEL_TYPES[elementType(label?.element ?? 0) as keyof typeof LABEL_TYPES];
  if (type === undefined || scores.length < 2 || outputs.length !== scores.length + 1)
    throw new Error(
      `it answers with ${outputs.map(({ name }) => name).join(', ')}, not with one number, or with ${LABEL} and a ${SCORE} for each class`,
    );
  return {
    task: scores.length === 2 ? 'binary' : 'multiclass',
    type,
    classes: scores.map(({ name }) => name.slice(SCORE.length)),
  };
}

/** @throws Error if an output is not as long as there are rows, or a label has no score. */
export function scoresOf(
  answer: Answer,
  outputs: readonly GraphValue[],
  values: ReadonlyMap<string, Tensor>,
  rows: number,
): Scores {
  if (answer.task === 'regression')
    return { kind: 'regression', prediction: numbers(values, outputs[0]?.name ?? '', rows) };
  const probabilities = answerColumns(answer)
    .filter(({ kind }) => kind === 'score')
    .map(({ name }) => numbers(values, name, rows));
  return { kind: 'classification', labels: indices(answer, values.get(LABEL), rows), probabilities };
}

function numbers(values: ReadonlyMap<string, Tensor>, name: string, rows: number): Float32Array {
  const tensor = values.get(name);
  const column = tensor === undefined || tensor.type === 'string' ? undefined : tensor.columns[0];
  if (column?.length !== rows) throw new Error(`its output ${name} has no number for each row`);
  return column instanceof Float32Array ? column : new Float32Array(column);
}

function indices({ classes = [] }: Answer, labels: Tensor | undefined, rows: number): Int32Array {
  if (labels?.dims[0] !== rows) throw new Error(`its output ${LABEL} has no label for each row`);
  const byLabel = new Map(classes.map((label, index) => [label, index]));
  const indexOf = (label: string): number => {
    const index = byLabel.get(label);
    if (index === undefined) throw new Error(`it gives the label ${label}, but no score of it`);
    return index;
  };
  if (labels.type === 'string') {
    const used = new Set(labels.codes);
    const byCode = labels.dictionary.map((label, code) => (used.has(code) ? indexOf(label) : -1));
    return labels.codes.map((code) => (code === -1 ? indexOf('') : (byCode[code] as number)));
  }
  return ofNumbers(labels, indexOf);
}

function ofNumbers({ type, columns }: NumberTensor, indexOf: (label: string) => number): Int32Array {
  const values = columns[0] as Values;
  const found = new Map<number, number>();
  const indices = new Int32Array(values.length);
  let [last, index] = [Number.NaN, 0];
  for (let row = 0; row < values.length; row += 1) {
    const value = values[row] as number;
    if (value !== last) {
      index = found.get(value) ?? indexOf(type === 'bool' ? String(value === 1) : String(value));
      found.set(value, index);
      last = value;
    }
    indices[row] = index;
  }
  return indices;
}
