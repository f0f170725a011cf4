import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as OnnxRuntime from 'onnxruntime-node';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { parse } from 'yaml';
import type { Columns } from '../../core/columns.ts';
import { findColumn } from './find-column.ts';
import type { Graph, GraphValue } from './read-graph.ts';
import { elementType, type Tensor, type Values } from './tensor.ts';

type Runtime = typeof OnnxRuntime;

/** What onnxruntime calls our types. */
const TYPES = {
  float: 'float32',
  double: 'float64',
  int64: 'int64',
  bool: 'bool',
  string: 'string',
} as const;

export interface ForeignGraph {
  readonly inputs: readonly string[];
  run(columns: Columns): Promise<ReadonlyMap<string, Tensor>>;
}

/**
 * Opens a graph with onnxruntime-node; undefined where that is not installed. It takes a vector for each input,
 * or one matrix of the columns that the signature names.
 *
 * @throws Error if the graph cannot be loaded, or takes something else.
 */
export async function openForeignGraph(
  dir: string,
  path: string,
  graph: Graph,
): Promise<ForeignGraph | undefined> {
  const runtime = await loadRuntime(dir);
  if (runtime === undefined) return undefined;
  const session = await runtime.InferenceSession.create(path, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const [first] = graph.inputs;
  const names = graph.inputs.map(({ name }) => name);
  if (graph.inputs.length === 1 && first !== undefined && (first.shape?.[1] ?? 1) > 1) {
    const columns = signatureColumns(dir);
    return {
      inputs: columns,
      run: (rows) => runSession(session, { [first.name]: matrixOf(runtime, first, columns, rows) }),
    };
  }
  return {
    inputs: names,
    run: (rows) =>
      runSession(
        session,
        Object.fromEntries(graph.inputs.map((input) => [input.name, vectorOf(runtime, input, rows)])),
      ),
  };
}

/** From the project that the model lies in, or beside Stockpot. */
async function loadRuntime(dir: string): Promise<Runtime | undefined> {
  const name = 'onnxruntime-node';
  for (const from of [join(dir, 'model.onnx'), import.meta.filename]) {
    let resolved: string;
    try {
      resolved = createRequire(from).resolve(name);
    } catch {
      continue;
    }
    const loaded = (await import(pathToFileURL(resolved).href)) as Runtime & { default?: Runtime };
    return loaded.default ?? loaded;
  }
  return undefined;
}

async function runSession(
  session: InferenceSession,
  feeds: Record<string, OrtTensor>,
): Promise<ReadonlyMap<string, Tensor>> {
  const answer = await session.run(feeds);
  return new Map(Object.entries(answer).map(([name, tensor]) => [name, tensorOf(name, tensor)]));
}

function vectorOf(runtime: Runtime, { name, element, shape }: GraphValue, columns: Columns): OrtTensor {
  const column = findColumn(name, columns);
  const dims = shape?.length === 2 ? [columns.rows, 1] : [columns.rows];
  const type = elementType(element);
  if ((type === 'string') !== (column.type === 'text') || type === undefined)
    throw new Error(`its input ${name} takes no ${column.type}`);
  if (column.type === 'text')
    return new runtime.Tensor(
      'string',
      Array.from(column.codes, (code) => (code === -1 ? '' : (column.dictionary[code] as string))),
      dims,
    );
  const { values } = column;
  if (type === 'int64') {
    const missing = -(2n ** 63n);
    const whole = BigInt64Array.from(values, (value) => (Number.isNaN(value) ? missing : BigInt(value)));
    return new runtime.Tensor(TYPES[type], whole, dims);
  }
  if (type === 'bool') return new runtime.Tensor(TYPES[type], Uint8Array.from(values), dims);
  if (type === 'double') return new runtime.Tensor(TYPES[type], values, dims);
  return new runtime.Tensor('float32', Float32Array.from(values), dims);
}

function matrixOf(
  runtime: Runtime,
  { name, element }: GraphValue,
  names: readonly string[],
  columns: Columns,
): OrtTensor {
  const type = elementType(element);
  if (type !== 'float' && type !== 'double') throw new Error(`its input ${name} is no matrix of floats`);
  const size = columns.rows * names.length;
  const matrix = type === 'float' ? new Float32Array(size) : new Float64Array(size);
  for (const [index, one] of names.entries()) {
    const column = findColumn(one, columns);
    if (column.type === 'text') throw new Error(`its input ${name} takes no text`);
    for (let row = 0; row < columns.rows; row += 1)
      matrix[row * names.length + index] = column.values[row] as number;
  }
  return new runtime.Tensor(TYPES[type], matrix, [columns.rows, names.length]);
}

/** Names of the columns in MLmodel, whose signature is JSON in YAML. */
function signatureColumns(dir: string): string[] {
  const path = join(dir, 'MLmodel');
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const { signature } = (parse(text) ?? {}) as { signature?: { inputs?: string } };
  const inputs = JSON.parse(signature?.inputs ?? '[]') as { name?: string }[];
  const names = inputs.flatMap(({ name }) => (name === undefined ? [] : [name]));
  if (names.length === 0 || names.length !== inputs.length)
    throw new Error('it takes a matrix, but its signature does not name the columns');
  return names;
}

function tensorOf(name: string, { type, dims, data }: OrtTensor): Tensor {
  const rows = dims[0] ?? 1;
  if (dims.length > 2 || (dims[1] ?? 1) !== 1) throw new Error(`its output ${name} is no vector`);
  if (type === 'string') {
    const dictionary = [...new Set(data as string[])];
    const codes = new Map(dictionary.map((text, code) => [text, code]));
    return {
      type: 'string',
      dims: [rows],
      codes: Int32Array.from(data as string[], (text) => codes.get(text) as number),
      dictionary,
    };
  }
  if (type === 'int64')
    return { type, dims: [rows], columns: [Float64Array.from(data as BigInt64Array, Number)] };
  const own = ({ float32: 'float', float64: 'double', bool: 'bool' } as const)[type as 'float32'];
  if (own === undefined) throw new Error(`its output ${name} is of the type ${type}`);
  return { type: own, dims: [rows], columns: [data as Values] };
}
