import { GraphUnsupported } from '../graph-unsupported.ts';
import type { NumberTensor, Tensor, Values } from '../tensor.ts';
import {
  numbersOf,
  type Operator,
  type OperatorNode,
  onlyAttributes,
  requireAttribute,
  requireConstant,
} from './operator.ts';

/** Operators that only arrange values: between a vector and a matrix of columns, which share them. */
export const SHAPE: Readonly<Record<string, Operator>> = {
  Identity: (node) => {
    onlyAttributes(node);
    return ([input]) => present(node, input);
  },
  Reshape: (node) => {
    requireConstant(node, 1, -1);
    onlyAttributes(node);
    return ([input]) => vector(node, present(node, input));
  },
  Squeeze: (node) => {
    requireConstant(node, 1, 1);
    onlyAttributes(node);
    return ([input]) => vector(node, numbersOf(node.operator, input));
  },
  Unsqueeze: (node) => {
    requireConstant(node, 1, 1);
    onlyAttributes(node);
    return ([input]) => {
      const { type, dims, columns } = numbersOf(node.operator, input);
      if (dims.length !== 1) throw new GraphUnsupported(node.operator, `of rank ${dims.length}`);
      return { type, dims: [...dims, 1], columns };
    };
  },
  Concat: (node) => {
    onlyAttributes(node, 'axis');
    requireAttribute(node, 'axis', 1, 1);
    return (inputs) => {
      const parts = inputs.map((input) => numbersOf(node.operator, input));
      const { type, dims } = parts[0] as NumberTensor;
      if (parts.some((part) => part.type !== type || part.dims.length !== 2 || part.dims[0] !== dims[0]))
        throw new GraphUnsupported(node.operator, 'of parts that differ');
      const columns = parts.flatMap((part) => part.columns);
      return { type, dims: [dims[0] as number, columns.length], columns };
    };
  },
  Gather: (node) => {
    onlyAttributes(node, 'axis');
    if (node.attributes.get('axis') === 1) return columnOf(node);
    requireAttribute(node, 'axis', 0, 0);
    const labels = node.constant(0);
    if (labels?.dims.length !== 1) throw new GraphUnsupported(node.operator, 'not of a constant vector');
    return ([, second]) => pick(labels, numbersOf(node.operator, second, ['int64']));
  },
};

/** One column of a matrix. */
function columnOf(node: OperatorNode): ReturnType<Operator> {
  const index = numbersOf(node.operator, node.constant(1), ['int64']);
  const column = index.dims.length === 0 ? (index.columns[0]?.[0] as number) : -1;
  return ([input]) => {
    const { type, dims, columns } = numbersOf(node.operator, input);
    const values = columns[column];
    if (dims.length !== 2 || values === undefined)
      throw new GraphUnsupported(node.operator, `index ${column}`);
    return { type, dims: [dims[0] as number], columns: [values] };
  };
}

/** The label that each index says. */
function pick(labels: Tensor, { dims, columns }: NumberTensor): Tensor {
  const indices = columns[0] as Values;
  if (labels.type === 'string')
    return {
      type: 'string',
      dims,
      codes: Int32Array.from(indices, (index) => labels.codes[index] ?? -1),
      dictionary: labels.dictionary,
    };
  const known = labels.columns[0] as Values;
  return { type: labels.type, dims, columns: [indices.map((index) => known[index] ?? 0)] };
}

function vector(node: OperatorNode, tensor: Tensor): Tensor {
  const { dims } = tensor;
  if (dims.length === 1) return tensor;
  if (dims.length !== 2 || dims[1] !== 1)
    throw new GraphUnsupported(node.operator, `of shape ${dims.join(' × ')}`);
  return { ...tensor, dims: [dims[0] as number] };
}

function present({ operator }: OperatorNode, tensor: Tensor | undefined): Tensor {
  if (tensor === undefined) throw new GraphUnsupported(operator, 'an input left out');
  return tensor;
}
