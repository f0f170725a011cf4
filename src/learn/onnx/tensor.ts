/** Element types of tensors, by ONNX's numbers (TensorProto.DataType). */
export const ELEMENT = { float: 1, int64: 7, string: 8, bool: 9, double: 11 } as const;
export type ElementType = keyof typeof ELEMENT;

/** `float` in float32, `double` and `int64` in doubles, `bool` as 0 and 1. */
export type Values = Float32Array | Float64Array | Uint8Array;

/**
 * Numbers of rank 0, 1 or 2 by column, as tables are: a scalar or a vector is one column. Whole numbers are
 * exact to 2^53, as in `Columns`.
 */
export interface NumberTensor {
  readonly type: Exclude<ElementType, 'string'>;
  readonly dims: readonly number[];
  readonly columns: readonly Values[];
}

/** Texts of rank 1 by dictionary; code -1 is the empty text. */
export interface TextTensor {
  readonly type: 'string';
  readonly dims: readonly number[];
  readonly codes: Int32Array;
  readonly dictionary: readonly string[];
}

export type Tensor = NumberTensor | TextTensor;

export function allocate(type: NumberTensor['type'], length: number): Values {
  switch (type) {
    case 'float':
      return new Float32Array(length);
    case 'double':
    case 'int64':
      return new Float64Array(length);
    case 'bool':
      return new Uint8Array(length);
  }
}

export function elementType(number: number): ElementType | undefined {
  return (Object.keys(ELEMENT) as ElementType[]).find((type) => ELEMENT[type] === number);
}
