import { GraphUnsupported } from '../graph-unsupported.ts';
import { elementType, type NumberTensor, type Values } from '../tensor.ts';
import { laneOf, PAIR_LOOPS, type PairLoop } from './lane.ts';
import { numbersOf, type Operator, type OperatorNode, onlyAttributes, requireAttribute } from './operator.ts';

type NumberType = NumberTensor['type'];

const NUMBERS: readonly NumberType[] = ['float', 'double', 'int64'];
const FLOATING: readonly NumberType[] = ['float', 'double'];

/** What stands for a missing boolean, which ONNX does not have. */
export const MISSING_BOOLEAN = 255;

/** Operators that take each element by itself. Stored in a float32 array, a result is rounded as float32's own. */
export const ELEMENTWISE: Readonly<Record<string, Operator>> = {
  Add: binary(NUMBERS, PAIR_LOOPS.add),
  Sub: binary(NUMBERS, PAIR_LOOPS.subtract),
  Mul: binary(NUMBERS, PAIR_LOOPS.multiply),
  Div: (node) => {
    onlyAttributes(node);
    const quotient = pairwise(node, NUMBERS, PAIR_LOOPS.divide);
    const whole = pairwise(node, NUMBERS, PAIR_LOOPS.divideWhole);
    return (inputs) => (inputs[0]?.type === 'int64' ? whole : quotient)(inputs);
  },
  Mod: (node) => {
    requireAttribute(node, 'fmod', 0, 0);
    onlyAttributes(node, 'fmod');
    return pairwise(node, ['int64'], PAIR_LOOPS.remainder);
  },
  Equal: binary(NUMBERS, PAIR_LOOPS.equal, 'bool'),
  Less: binary(NUMBERS, PAIR_LOOPS.less, 'bool'),
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
      return byColumn(node, yes.type, dims, (into, column) => {
        const [c, a, b] = [
          laneOf(condition, dims, column),
          laneOf(yes, dims, column),
          laneOf(no, dims, column),
        ];
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
      return byColumn(node, to, from.dims, (into, column) => {
        const values = from.columns[column] as Values;
        if (from.type !== 'bool') into.set(values);
        else
          for (let row = 0; row < into.length; row += 1)
            into[row] = values[row] === MISSING_BOOLEAN ? Number.NaN : (values[row] as number);
      });
    };
  },
};

function binary(types: readonly NumberType[], loop: PairLoop, result?: NumberType): Operator {
  return (node) => {
    onlyAttributes(node);
    return pairwise(node, types, loop, result);
  };
}

function pairwise(
  node: OperatorNode,
  types: readonly NumberType[],
  loop: PairLoop,
  result?: NumberType,
): ReturnType<Operator> {
  return ([first, second]) => {
    const [left, right] = [numbersOf(node.operator, first, types), numbersOf(node.operator, second, types)];
    if (left.type !== right.type)
      throw new GraphUnsupported(node.operator, `of ${left.type} and ${right.type}`);
    const dims = broadcast(node.operator, left.dims, right.dims);
    return byColumn(node, result ?? left.type, dims, (into, column) =>
      loop(into, laneOf(left, dims, column), laneOf(right, dims, column)),
    );
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
      return byColumn(node, result ?? from.type, from.dims, (into, column) => {
        const values = from.columns[column] as Values;
        for (let row = 0; row < into.length; row += 1) into[row] = operation(values[row] as number);
      });
    };
  };
}

function byColumn(
  { allocate }: OperatorNode,
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
