import { GraphUnsupported } from '../graph-unsupported.ts';
import { allocate, type NumberTensor, type Values } from '../tensor.ts';
import { numbersOf, type Operator, onlyAttributes, requireAttribute } from './operator.ts';

/** Operators that look at a whole row of a matrix. */
export const MATRIX: Readonly<Record<string, Operator>> = {
  MatMul: (node) => {
    onlyAttributes(node);
    const weights = matrixOf(node.operator, numbersOf(node.operator, node.constant(1), ['float', 'double']));
    return ([input]) => {
      const { type, dims, columns } = matrixOf(
        node.operator,
        numbersOf(node.operator, input, [weights.type]),
      );
      if (columns.length !== weights.dims[0]) throw new GraphUnsupported(node.operator, 'of other sizes');
      const rows = dims[0] as number;
      const products = weights.columns.map((coefficients) => {
        const sum = new Float64Array(rows);
        for (const [feature, values] of columns.entries()) {
          const coefficient = coefficients[feature] as number;
          for (let row = 0; row < rows; row += 1)
            sum[row] = (sum[row] as number) + coefficient * (values[row] as number);
        }
        return type === 'double' ? sum : Float32Array.from(sum);
      });
      return { type, dims: [rows, products.length], columns: products };
    };
  },
  /** The first of the greatest. */
  ArgMax: (node) => {
    onlyAttributes(node, 'axis', 'keepdims', 'select_last_index');
    requireAttribute(node, 'axis', 1, 0);
    requireAttribute(node, 'keepdims', 0, 1);
    requireAttribute(node, 'select_last_index', 0, 0);
    return ([input]) => {
      const { dims, columns } = matrixOf(node.operator, numbersOf(node.operator, input, ['float', 'double']));
      const rows = dims[0] as number;
      const best = new Float64Array(rows);
      const most = Float64Array.from(columns[0] as Values);
      for (const [k, values] of columns.entries())
        for (let row = 0; row < rows; row += 1)
          if ((values[row] as number) > (most[row] as number)) {
            most[row] = values[row] as number;
            best[row] = k;
          }
      return { type: 'int64', dims: [rows], columns: [best] };
    };
  },
  Softmax: (node) => {
    onlyAttributes(node, 'axis');
    requireAttribute(node, 'axis', 1, -1);
    return ([input]) => {
      const { type, dims, columns } = matrixOf(node.operator, numbersOf(node.operator, input, ['double']));
      const rows = dims[0] as number;
      const shares = columns.map(() => allocate(type, rows));
      for (let row = 0; row < rows; row += 1) {
        let most = -Infinity;
        for (const values of columns) most = Math.max(most, values[row] as number);
        let sum = 0;
        for (const [k, values] of columns.entries()) {
          const share = Math.exp((values[row] as number) - most);
          (shares[k] as Values)[row] = share;
          sum += share;
        }
        for (const values of shares) values[row] = (values[row] as number) / sum;
      }
      return { type, dims, columns: shares };
    };
  },
};

function matrixOf(operator: string, tensor: NumberTensor): NumberTensor {
  if (tensor.dims.length !== 2) throw new GraphUnsupported(operator, `of rank ${tensor.dims.length}`);
  return tensor;
}
