import type { Column, Columns } from '../../core/columns.ts';
import { findColumn } from './find-column.ts';
import { GraphUnsupported } from './graph-unsupported.ts';
import { ELEMENTWISE, MISSING_BOOLEAN } from './operators/elementwise.ts';
import { labelEncoder } from './operators/label-encoder.ts';
import { MATRIX } from './operators/matrix.ts';
import type { Operator } from './operators/operator.ts';
import { SHAPE } from './operators/shape.ts';
import { treeEnsemble } from './operators/tree-ensemble.ts';
import type { Graph, GraphNode } from './read-graph.ts';
import {
  allocate,
  type ElementType,
  elementType,
  type NumberTensor,
  type Tensor,
  type Values,
} from './tensor.ts';

const OPERATORS: Readonly<Record<string, Operator>> = {
  ...ELEMENTWISE,
  ...SHAPE,
  ...MATRIX,
  'ai.onnx.ml.LabelEncoder': labelEncoder,
  'ai.onnx.ml.TreeEnsembleRegressor': treeEnsemble,
};

/** Rows at a time: what lies between two operators stays in the processor's cache. */
const BLOCK = 2048;

/** What pandas makes of a missing date (`NaT`) where whole numbers are wanted. */
const MISSING_DATE = -(2 ** 63);

/** Vectors as long as there are rows, by the names of the graph's outputs. */
export type GraphRun = (columns: Columns) => ReadonlyMap<string, Tensor>;

interface Instruction {
  readonly inputs: readonly string[];
  readonly output: string;
  readonly buffers: Buffers;
  readonly run: ReturnType<Operator>;
}

interface Input {
  readonly name: string;
  readonly type: ElementType;
}

/**
 * Makes a graph of the operators that `model-graph.ts` writes into a function of rows, which goes through
 * them a block at a time: each of those operators takes every row by itself.
 *
 * @throws GraphUnsupported for a graph with anything else in it.
 */
export function compileGraph(graph: Graph): GraphRun {
  const inputs = graph.inputs.map(({ name, element }): Input => {
    const type = elementType(element);
    if (type === undefined) throw new GraphUnsupported('Input', `${name}, of a type we do not write`);
    return { name, type };
  });
  const constants = new Map<string, Tensor>();
  for (const [name, value] of graph.constants) {
    if (value instanceof GraphUnsupported) throw value;
    constants.set(name, value);
  }
  const instructions = graph.nodes.map((node) => compileNode(node, constants));
  const outputs = graph.outputs.map(({ name }) => name);
  const run = (block: ReadonlyMap<string, Tensor>): Map<string, Tensor> =>
    runBlock(block, constants, instructions, outputs);
  // Types and shapes show on rows: on none at all, so that this costs nothing.
  run(new Map(inputs.map(({ name, type }) => [name, tensorOf(emptyColumn(name, type), type, 0, 0)])));
  return (columns) => {
    const bound = inputs.map((input) => ({ ...input, column: columnOf(input, columns) }));
    const whole = new Map<string, Tensor>();
    for (let from = 0; from === 0 || from < columns.rows; from += BLOCK) {
      const to = Math.min(columns.rows, from + BLOCK);
      const block = new Map(bound.map(({ name, type, column }) => [name, tensorOf(column, type, from, to)]));
      for (const [name, part] of run(block)) {
        const sofar = whole.get(name) ?? roomFor(part, columns.rows);
        copyTo(sofar, part, from);
        whole.set(name, sofar);
      }
    }
    return whole;
  };
}

function compileNode(node: GraphNode, constants: ReadonlyMap<string, Tensor>): Instruction {
  const operator = OPERATORS[node.operator];
  const [output] = node.outputs;
  if (operator === undefined || output === undefined) throw new GraphUnsupported(node.operator);
  const constant = (index: number): Tensor | undefined => constants.get(node.inputs[index] ?? '');
  const buffers = new Buffers();
  const { allocate } = buffers;
  return { inputs: node.inputs, output, buffers, run: operator({ ...node, constant, allocate }) };
}

function runBlock(
  block: ReadonlyMap<string, Tensor>,
  constants: ReadonlyMap<string, Tensor>,
  instructions: readonly Instruction[],
  outputs: readonly string[],
): Map<string, Tensor> {
  const values = new Map(block);
  for (const { inputs, output, buffers, run } of instructions) {
    buffers.reuse();
    values.set(
      output,
      run(
        inputs.map((name) => {
          const value = values.get(name) ?? constants.get(name);
          if (value === undefined) throw new GraphUnsupported('Input', `${name}, which nothing gives`);
          return value;
        }),
      ),
    );
  }
  return new Map(
    outputs.map((name) => {
      const value = values.get(name);
      if (value?.dims.length !== 1) throw new GraphUnsupported('Output', `${name}, which is no vector`);
      return [name, value];
    }),
  );
}

function columnOf({ name, type }: Input, columns: Columns): Column {
  const column = findColumn(name, columns);
  if ((type === 'string') !== (column.type === 'text'))
    throw new Error(`its input ${name} takes no ${column.type}`);
  return column;
}

/**
 * Some rows of a column. A missing whole number stays `NaN` and a missing boolean gets a number of its own,
 * though ONNX has neither: as a float it is missing again, as it was in the rows that a model is fitted to.
 */
function tensorOf(column: Column, type: ElementType, from: number, to: number): Tensor {
  const dims = [to - from];
  if (column.type === 'text')
    return { type: 'string', dims, codes: column.codes.subarray(from, to), dictionary: column.dictionary };
  const values = column.values.subarray(from, to);
  switch (type) {
    case 'float':
      return { type, dims, columns: [new Float32Array(values)] };
    case 'double':
      return { type, dims, columns: [values] };
    case 'bool':
      return {
        type,
        dims,
        columns: [booleansOf(values)],
      };
    default:
      return {
        type: 'int64',
        dims,
        columns: [
          column.type === 'date'
            ? values.map((value) => (Number.isNaN(value) ? MISSING_DATE : value))
            : values,
        ],
      };
  }
}

function booleansOf(values: Float64Array): Uint8Array {
  const booleans = new Uint8Array(values);
  for (let row = 0; row < values.length; row += 1)
    if (Number.isNaN(values[row])) booleans[row] = MISSING_BOOLEAN;
  return booleans;
}

function emptyColumn(name: string, type: ElementType): Column {
  return type === 'string'
    ? { name, type: 'text', codes: new Int32Array(0), dictionary: [] }
    : { name, type: 'float', values: new Float64Array(0) };
}

/** A vector of the same kind as a block's, of all rows. */
function roomFor(part: Tensor, rows: number): Tensor {
  return part.type === 'string'
    ? { ...part, dims: [rows], codes: new Int32Array(rows) }
    : { ...part, dims: [rows], columns: [allocate(part.type, rows)] };
}

/** Of texts the codes alone: blocks of one input or of one list of labels share their dictionary. */
function copyTo(whole: Tensor, part: Tensor, at: number): void {
  if (whole.type === 'string' && part.type === 'string') whole.codes.set(part.codes, at);
  else if (whole.type !== 'string' && part.type !== 'string')
    (whole.columns[0] as Values).set(part.columns[0] as Values, at);
}

/** A node's results are as large from block to block: their arrays are filled anew. */
class Buffers {
  readonly #known: Values[] = [];
  #used = 0;

  /** What was given is free again. */
  reuse(): void {
    this.#used = 0;
  }

  readonly allocate = (type: NumberTensor['type'], length: number): Values => {
    const at = this.#used++;
    const known = this.#known[at];
    if (known?.length === length) return known;
    const fresh = allocate(type, length);
    this.#known[at] = fresh;
    return fresh;
  };
}
