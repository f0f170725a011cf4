import { GraphUnsupported } from '../graph-unsupported.ts';
import { allocate, elementType, type NumberTensor, type Values } from '../tensor.ts';
import { numbersOf, type Operator, onlyAttributes, requireAttribute } from './operator.ts';

type NumberType = NumberTensor['type'];

const NUMBERS: readonly NumberType[] = ['float', 'double', 'int64'];
const FLOATING: readonly NumberType[] = ['float', 'double'];

/** What stands for a missing boolean, which ONNX does not have. */
export const MISSING_BOOLEAN = 255;

/** Operators that take each element by itself. Stored in a float32 array, a result is rounded as float32's own. */
export const ELEMENTWISE: Readonly<Record<string, Operator>> = {
  Add: binary(NUMBERS, (a, b) => a + b),
  Sub: binary(NUMBERS, (a, b) => a - b),
  Mul: binary(NUMBERS, (a, b) => a * b),
  Div: (node) => {
    onlyAttributes(node);
    const quotient = pairwise(node.operator, NUMBERS, (a, b) => a / b);
    const whole = pairwise(node.operator, NUMBERS, (a, b) => Math.trunc(a / b));
    return (inputs) => (inputs[0]?.type === 'int64' ? whole : quotient)(inputs);
  },
  Mod: (node) => {
    requireAttribute(node, 'fmod', 0, 0);
    onlyAttributes(node, 'fmod');
    return pairwise(node.operator, ['int64'], remainder);
  },
  Equal: binary(NUMBERS, (a, b) => (a === b ? 1 : 0), 'bool'),
  Less: binary(NUMBERS, (a, b) => (a < b ? 1 : 0), 'bool'),
  Not: unary(['bool'], (a) => (a === 0 ? 1 : 0)),
  Neg: unary(NUMBERS, (a) => -a),
  Exp: unary(FLOATING, Math.exp),
  IsNaN: unary(FLOATING, (a) => (Number.isNaN(a) ? 1 : 0), 'bool'),
  Where: (node) => {
    onlyAttributes(node);
    return ([first, second, third]) => {
      const condition = numbersOf(node.operator, first, ['bool']);
      const [yes, no] = [numbersOf(node.operator, second), numbersOf(node.operator, third)];
      if (yes.type !== no.type) throw new GraphUnsupported(node.operator, `of ${yes.type} and ${no.type}`);
      const dims = broadcast(node.operator, broadcast(node.operator, condition.dims, yes.dims), no.dims);
      return byColumn(yes.type, dims, (into, column) => {
        const [c, a, b] = [lane(condition, dims, column), lane(yes, dims, column), lane(no, dims, column)];
        for (let row = 0; row < into.length; row += 1)
          into[row] = (
            c.values[c.at + row * c.step] === 0
              ? b.values[b.at + row * b.step]
              : a.values[a.at + row * a.step]
          ) as number;
      });
    };
  },
  Cast: (node) => {
    onlyAttributes(node, 'to');
    const to = elementType(Number(node.attributes.get('to')));
    const sources: readonly NumberType[] = to === 'int64' ? ['bool'] : ['float', 'double', 'int64', 'bool'];
    if (to !== 'float' && to !== 'double' && to !== 'int64')
      throw new GraphUnsupported(node.operator, `to ${to ?? 'a type we do not write'}`);
    return ([input]) => {
      const from = numbersOf(node.operator, input, sources);
      return byColumn(to, from.dims, (into, column) => {
        const values = from.columns[column] as Values;
        if (from.type !== 'bool') into.set(values);
        else
          for (let row = 0; row < into.length; row += 1)
            into[row] = values[row] === MISSING_BOOLEAN ? Number.NaN : (values[row] as number);
      });
    };
  },
};

/** With the sign of the divisor. Exact to 2^53, where the quotient may be rounded over a whole number. */
function remainder(a: number, b: number): number {
  const rest = a - b * Math.floor(a / b);
  return rest < 0 ? rest + b : rest >= b ? rest - b : rest;
}

function binary(
  types: readonly NumberType[],
  operation: (a: number, b: number) => number,
  result?: NumberType,
): Operator {
  return (node) => {
    onlyAttributes(node);
    return pairwise(node.operator, types, operation, result);
  };
}

function pairwise(
  operator: string,
  types: readonly NumberType[],
  operation: (a: number, b: number) => number,
  result?: NumberType,
): ReturnType<Operator> {
  return ([first, second]) => {
    const [left, right] = [numbersOf(operator, first, types), numbersOf(operator, second, types)];
    if (left.type !== right.type) throw new GraphUnsupported(operator, `of ${left.type} and ${right.type}`);
    const dims = broadcast(operator, left.dims, right.dims);
    return byColumn(result ?? left.type, dims, (into, column) => {
      const [a, b] = [lane(left, dims, column), lane(right, dims, column)];
      for (let row = 0; row < into.length; row += 1)
        into[row] = operation(
          a.values[a.at + row * a.step] as number,
          b.values[b.at + row * b.step] as number,
        );
    });
  };
}

function unary(
  types: readonly NumberType[],
  operation: (value: number) => number,
  result?: NumberType,
): Operator {
  return (node) => {
    onlyAttributes(node);
    return ([input]) => {
      const from = numbersOf(node.operator, input, types);
      return byColumn(result ?? from.type, from.dims, (into, column) => {
        const values = from.columns[column] as Values;
        for (let row = 0; row < into.length; row += 1) into[row] = operation(values[row] as number);
      });
    };
  };
}

function byColumn(
  type: NumberType,
  dims: readonly number[],
  fill: (into: Values, column: number) => void,
): NumberTensor {
  const columns = Array.from({ length: dims[1] ?? 1 }, (_, column) => {
    const into = allocate(type, dims[0] ?? 1);
    fill(into, column);
    return into;
  });
  return { type, dims, columns };
}

/** The shape that both are stretched to, aligned at the last dimension. */
function broadcast(operator: string, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, index) => {
    const x = a[index - rank + a.length] ?? 1;
    const y = b[index - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw new GraphUnsupported(operator, `of ${x} and ${y} values`);
    return x === 1 ? y : x;
  });
}

/** Where the values of a column of the stretched tensor lie. */
function lane(
  { dims, columns }: NumberTensor,
  to: readonly number[],
  column: number,
): { values: Values; at: number; step: 0 | 1 } {
  // Beside a matrix, a vector is a row of it.
  if (to.length === 2 && dims.length < 2) {
    const values = columns[0] as Values;
    return { values, at: values.length === 1 ? 0 : column, step: 0 };
  }
  const values = columns[columns.length === 1 ? 0 : column] as Values;
  return { values, at: 0, step: values.length === 1 ? 0 : 1 };
}
