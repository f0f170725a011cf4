import { ELEMENT, type ElementType } from './tensor.ts';
import { ProtoWriter } from './write-protobuf.ts';

type Attribute =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | { readonly floats: ArrayLike<number> };

const IR_VERSION = 8;
const OPSET = 15;
const ML_OPSET = 3;

/**
 * Puts an ONNX graph together, node by node; each gives the name of its output. Inner names begin as no
 * column may, so that no column is taken for one.
 */
export class GraphBuilder {
  readonly #nodes: ProtoWriter[] = [];
  readonly #initializers: ProtoWriter[] = [];
  readonly #inputs: ProtoWriter[] = [];
  readonly #outputs: ProtoWriter[] = [];
  readonly #constants = new Map<string, string>();
  #count = 0;

  /** A column of the input: as many values as there are rows. */
  input(name: string, type: ElementType): string {
    this.#inputs.push(valueInfo(name, type, true));
    return name;
  }

  /** A column that may also come as a matrix of one column: MLflow hands over a table of one column so. */
  onlyInput(name: string, type: ElementType): string {
    this.#inputs.push(valueInfo(name, type, false));
    return this.node('Reshape', [name, this.constant('int64', [-1], [1])]);
  }

  /** Gives the value `from` to the outside as `name`. */
  output(name: string, type: ElementType, from: string): void {
    this.#nodes.push(nodeOf('Identity', [from], name, {}, ''));
    this.#outputs.push(valueInfo(name, type, true));
  }

  cast(value: string, to: ElementType): string {
    return this.node('Cast', [value], { to: ELEMENT[to] });
  }

  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain: '' | 'ai.onnx.ml' = '',
  ): string {
    const name = `__v${this.#count++}`;
    this.#nodes.push(nodeOf(op, inputs, name, attributes, domain));
    return name;
  }

  /** A constant; equal ones are kept once. An empty `dims` is a scalar. */
  constant(
    type: ElementType,
    values: readonly (number | bigint | string | boolean)[],
    dims: readonly number[] = [],
  ): string {
    const key = JSON.stringify([type, values.map(String), dims]);
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = `__c${this.#constants.size}`;
    this.#constants.set(key, name);
    this.#initializers.push(tensor(name, type, values, dims));
    return name;
  }

  /** @param metadata kept with the graph, in the file's own place for it. */
  finish(metadata: Readonly<Record<string, string>> = {}): Buffer {
    const graph = new ProtoWriter();
    for (const node of this.#nodes) graph.bytes(1, node);
    graph.bytes(2, 'stockpot');
    for (const initializer of this.#initializers) graph.bytes(5, initializer);
    for (const input of this.#inputs) graph.bytes(11, input);
    for (const output of this.#outputs) graph.bytes(12, output);
    const model = new ProtoWriter()
      .int(1, IR_VERSION)
      .bytes(2, 'stockpot')
      .bytes(7, graph)
      .bytes(8, new ProtoWriter().bytes(1, '').int(2, OPSET))
      .bytes(8, new ProtoWriter().bytes(1, 'ai.onnx.ml').int(2, ML_OPSET));
    for (const [key, value] of Object.entries(metadata))
      model.bytes(14, new ProtoWriter().bytes(1, key).bytes(2, value));
    return model.finish();
  }
}

function nodeOf(
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, Attribute>>,
  domain: string,
): ProtoWriter {
  const node = new ProtoWriter();
  for (const input of inputs) node.bytes(1, input);
  node.bytes(2, output).bytes(3, output).bytes(4, op);
  for (const [name, value] of Object.entries(attributes)) node.bytes(5, attribute(name, value));
  return domain === '' ? node : node.bytes(7, domain);
}

/** Numbers of AttributeProto.AttributeType: 2 INT, 3 STRING, 6 FLOATS, 7 INTS, 8 STRINGS. */
function attribute(name: string, value: Attribute): ProtoWriter {
  const writer = new ProtoWriter().bytes(1, name);
  if (typeof value === 'number') return writer.int(3, value).int(20, 2);
  if (typeof value === 'string') return writer.bytes(4, value).int(20, 3);
  if ('floats' in value) {
    for (let at = 0; at < value.floats.length; at += 1) writer.float(7, value.floats[at] as number);
    return writer.int(20, 6);
  }
  if (value.some((one) => typeof one === 'string')) {
    for (const one of value) writer.bytes(9, String(one));
    return writer.int(20, 8);
  }
  for (const one of value) writer.int(8, Number(one));
  return writer.int(20, 7);
}

function tensor(
  name: string,
  type: ElementType,
  values: readonly (number | bigint | string | boolean)[],
  dims: readonly number[],
): ProtoWriter {
  const writer = new ProtoWriter();
  for (const dim of dims) writer.int(1, dim);
  writer.int(2, ELEMENT[type]);
  for (const value of values) {
    if (type === 'float') writer.float(4, Number(value));
    else if (type === 'double') writer.double(10, Number(value));
    else if (type === 'string') writer.bytes(6, String(value));
    else if (type === 'bool') writer.int(5, value === true ? 1 : 0);
    else writer.int(7, typeof value === 'bigint' ? value : Number(value));
  }
  return writer.bytes(8, name);
}

/** A tensor of rank 1 whose length is the number of rows, or of any shape. */
function valueInfo(name: string, type: ElementType, shaped: boolean): ProtoWriter {
  const tensorType = new ProtoWriter().int(1, ELEMENT[type]);
  if (shaped) tensorType.bytes(2, new ProtoWriter().bytes(1, new ProtoWriter().bytes(2, 'rows')));
  return new ProtoWriter().bytes(1, name).bytes(2, new ProtoWriter().bytes(1, tensorType));
}
