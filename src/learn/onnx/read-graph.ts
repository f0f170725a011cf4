import { GraphUnsupported } from './graph-unsupported.ts';
import { doubles, floats, type ProtoField, protoFields, wholeNumbers } from './read-protobuf.ts';
import { allocate, elementType, type NumberTensor, type Tensor, type Values } from './tensor.ts';

/** A graph as it lies in a file: values have names, nodes are in an order in which they can be run. */
export interface Graph {
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  readonly nodes: readonly GraphNode[];
  /** Where a constant cannot be represented, why. */
  readonly constants: ReadonlyMap<string, Tensor | GraphUnsupported>;
  readonly metadata: ReadonlyMap<string, string>;
}

export interface GraphValue {
  readonly name: string;
  /** ONNX's number of the element type. */
  readonly element: number;
  /** Sizes, `undefined` where open; undefined if the shape is not said. */
  readonly shape: readonly (number | undefined)[] | undefined;
}

export interface GraphNode {
  /** With its domain in front, unless that is ONNX's own. */
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, AttributeValue>;
}

export type AttributeValue = number | string | readonly string[] | ArrayLike<number> | Buffer;

/** Reads a ModelProto (https://onnx.ai/onnx/repo-docs/IR.html). @throws Error if it is none. */
export function readGraph(bytes: Buffer): Graph {
  let graph: Buffer | undefined;
  const metadata = new Map<string, string>();
  for (const field of protoFields(bytes)) {
    if (field.field === 7) graph = bytesOf(field);
    if (field.field === 14) {
      const [key = '', value = ''] = texts(bytesOf(field), [1, 2]);
      metadata.set(key, value);
    }
  }
  if (graph === undefined) throw new Error('it holds no ONNX graph');
  const nodes: GraphNode[] = [];
  const inputs: GraphValue[] = [];
  const outputs: GraphValue[] = [];
  const constants = new Map<string, Tensor | GraphUnsupported>();
  for (const field of protoFields(graph)) {
    if (field.field === 1) nodes.push(nodeOf(bytesOf(field)));
    else if (field.field === 5) {
      const { name, tensor } = tensorOf(bytesOf(field));
      constants.set(name, tensor);
    } else if (field.field === 11) inputs.push(valueOf(bytesOf(field)));
    else if (field.field === 12) outputs.push(valueOf(bytesOf(field)));
  }
  // Old graphs list their constants among the inputs.
  return { inputs: inputs.filter(({ name }) => !constants.has(name)), outputs, nodes, constants, metadata };
}

function nodeOf(bytes: Buffer): GraphNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, AttributeValue>();
  let operator = '';
  let domain = '';
  for (const field of protoFields(bytes)) {
    if (field.field === 1) inputs.push(bytesOf(field).toString());
    else if (field.field === 2) outputs.push(bytesOf(field).toString());
    else if (field.field === 4) operator = bytesOf(field).toString();
    else if (field.field === 5) attributes.set(...attributeOf(bytesOf(field)));
    else if (field.field === 7) domain = bytesOf(field).toString();
  }
  const isOwn = domain === '' || domain === 'ai.onnx';
  return { operator: isOwn ? operator : `${domain}.${operator}`, inputs, outputs, attributes };
}

function attributeOf(bytes: Buffer): [name: string, value: AttributeValue] {
  let name = '';
  let value: AttributeValue = Buffer.alloc(0);
  const many: number[] = [];
  const strings: string[] = [];
  for (const field of protoFields(bytes)) {
    if (field.field === 1) name = bytesOf(field).toString();
    else if (field.field === 2) value = floats({ bytes: bytesOf(field) })[0] ?? 0;
    else if (field.field === 3) value = numberOf(field);
    else if (field.field === 4) value = bytesOf(field).toString();
    else if (field.field === 5 || field.field === 6) value = bytesOf(field);
    else if (field.field === 7) append(many, floats({ bytes: bytesOf(field) }));
    else if (field.field === 8) append(many, wholeNumbers(field));
    else if (field.field === 9) strings.push(bytesOf(field).toString());
  }
  return [name, strings.length > 0 ? strings : many.length > 0 ? many : value];
}

function valueOf(bytes: Buffer): GraphValue {
  let name = '';
  let element = 0;
  let shape: (number | undefined)[] | undefined;
  for (const field of protoFields(bytes)) {
    if (field.field === 1) name = bytesOf(field).toString();
    if (field.field !== 2) continue;
    const [tensor] = messages(bytesOf(field), 1);
    for (const part of tensor === undefined ? [] : protoFields(tensor)) {
      if (part.field === 1) element = numberOf(part);
      if (part.field === 2) shape = messages(bytesOf(part), 1).map(sizeOf);
    }
  }
  return { name, element, shape };
}

function sizeOf(dimension: Buffer): number | undefined {
  for (const field of protoFields(dimension)) if (field.field === 1) return numberOf(field);
  return undefined;
}

function tensorOf(bytes: Buffer): { name: string; tensor: Tensor | GraphUnsupported } {
  const dims: number[] = [];
  const numbers: number[] = [];
  const strings: string[] = [];
  let [name, element] = ['', 0];
  let raw: Buffer | undefined;
  for (const field of protoFields(bytes)) {
    if (field.field === 1) append(dims, wholeNumbers(field));
    else if (field.field === 2) element = numberOf(field);
    else if (field.field === 4) append(numbers, floats({ bytes: bytesOf(field) }));
    else if (field.field === 5 || field.field === 7) append(numbers, wholeNumbers(field));
    else if (field.field === 6) strings.push(bytesOf(field).toString());
    else if (field.field === 8) name = bytesOf(field).toString();
    else if (field.field === 9) raw = bytesOf(field);
    else if (field.field === 10) append(numbers, doubles({ bytes: bytesOf(field) }));
  }
  const type = elementType(element);
  if (type === undefined || dims.length > 2 || (type === 'string' && dims.length !== 1))
    return { name, tensor: new GraphUnsupported('Constant', `${name}, of a type or shape we do not write`) };
  if (type === 'string') {
    const codes = Int32Array.from(strings, (_, at) => at);
    return { name, tensor: { type, dims, codes, dictionary: strings } };
  }
  const all = raw === undefined ? numbers : rawNumbers(raw, type);
  const size = dims.reduce((a, b) => a * b, 1);
  if (all.length !== size)
    return { name, tensor: new GraphUnsupported('Constant', `${name}, kept elsewhere`) };
  if (type === 'int64' && Array.from(all).some((value) => !isExact(value)))
    return { name, tensor: new GraphUnsupported('Constant', `${name}, beyond 2^53`) };
  return { name, tensor: { type, dims, columns: columnsOf(all, dims, type) } };
}

function rawNumbers(raw: Buffer, type: NumberTensor['type']): ArrayLike<number> {
  switch (type) {
    case 'float':
      return floats({ bytes: raw });
    case 'double':
      return doubles({ bytes: raw });
    case 'int64':
      return Array.from({ length: raw.length >> 3 }, (_, at) => Number(raw.readBigInt64LE(at * 8)));
    case 'bool':
      return raw;
  }
}

/** −2^63 is a power of two, and what stands for a missing date. */
function isExact(value: number): boolean {
  return Number.isSafeInteger(value) || value === -(2 ** 63);
}

/** ONNX has matrices by row. */
function columnsOf(
  numbers: ArrayLike<number>,
  dims: readonly number[],
  type: NumberTensor['type'],
): Values[] {
  const width = dims[1] ?? 1;
  return Array.from({ length: width }, (_, column) => {
    const values = allocate(type, numbers.length / width);
    for (let row = 0; row < values.length; row += 1) values[row] = numbers[row * width + column] as number;
    return values;
  });
}

/** Of any length: a spread argument list is not. */
function append(to: number[], numbers: Iterable<number>): void {
  for (const number of numbers) to.push(number);
}

function bytesOf(field: ProtoField): Buffer {
  if ('bytes' in field) return field.bytes;
  throw new Error('it holds no ONNX graph');
}

function numberOf(field: ProtoField): number {
  if ('number' in field) return field.number;
  throw new Error('it holds no ONNX graph');
}

function messages(bytes: Buffer, wanted: number): Buffer[] {
  return [...protoFields(bytes)].filter(({ field }) => field === wanted).map(bytesOf);
}

function texts(bytes: Buffer, wanted: readonly number[]): string[] {
  return wanted.map((field) => messages(bytes, field)[0]?.toString() ?? '');
}
