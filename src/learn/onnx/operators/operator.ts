import { GraphUnsupported } from '../graph-unsupported.ts';
import type { AttributeValue, GraphNode } from '../read-graph.ts';
import type { NumberTensor, Tensor, TextTensor, Values } from '../tensor.ts';

/**
 * One operator of ONNX, in the forms that we write and no other. Called once for each node, it checks them and
 * gives what is called for each block of rows.
 *
 * @throws GraphUnsupported for another form.
 */
export type Operator = (node: OperatorNode) => (inputs: readonly Tensor[]) => Tensor;

export interface OperatorNode extends GraphNode {
  /** The input of this number, if it is a constant. */
  constant(index: number): Tensor | undefined;
  /** Room for values until the node's next block: of any content, to be filled. */
  readonly allocate: (type: NumberTensor['type'], length: number) => Values;
}

/** @throws GraphUnsupported if there is an attribute but those named. */
export function onlyAttributes({ operator, attributes }: GraphNode, ...known: readonly string[]): void {
  for (const name of attributes.keys()) if (!known.includes(name)) throw new GraphUnsupported(operator, name);
}

/** @throws GraphUnsupported unless the attribute, or what it is by default, is `value`. */
export function requireAttribute(
  { operator, attributes }: GraphNode,
  name: string,
  value: number | string,
  byDefault: number | string,
): void {
  const found = attributes.get(name) ?? byDefault;
  if (found !== value) throw new GraphUnsupported(operator, `${name} ${shown(found)}`);
}

export function numberAttributes({ attributes }: GraphNode, name: string): ArrayLike<number> {
  const value = attributes.get(name);
  return typeof value === 'object' && typeof value[0] !== 'string' ? (value as ArrayLike<number>) : [];
}

export function textAttributes({ attributes }: GraphNode, name: string): readonly string[] {
  const value = attributes.get(name);
  return Array.isArray(value) && typeof value[0] === 'string' ? (value as readonly string[]) : [];
}

/** @throws GraphUnsupported unless it is of numbers, and of one of these types. */
export function numbersOf(
  operator: string,
  tensor: Tensor | undefined,
  types: readonly NumberTensor['type'][] = ['float', 'double', 'int64', 'bool'],
): NumberTensor {
  if (tensor === undefined || tensor.type === 'string' || !types.includes(tensor.type))
    throw new GraphUnsupported(operator, tensor === undefined ? 'an input left out' : `of ${tensor.type}`);
  return tensor;
}

export function textsOf(operator: string, tensor: Tensor | undefined): TextTensor {
  if (tensor?.type !== 'string') throw new GraphUnsupported(operator, `of ${tensor?.type ?? 'nothing'}`);
  return tensor;
}

/** @throws GraphUnsupported unless the input is a constant of this one number. */
export function requireConstant(node: OperatorNode, index: number, value: number): void {
  const tensor = node.constant(index);
  const found = tensor === undefined || tensor.type === 'string' ? undefined : tensor.columns[0];
  if (found?.length !== 1 || found[0] !== value)
    throw new GraphUnsupported(node.operator, `input ${index} is not ${value}`);
}

function shown(value: AttributeValue): string {
  return typeof value === 'object' ? 'of many values' : String(value);
}
