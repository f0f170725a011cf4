/** Features in columns, as a trainer takes them: rows × columns, Float32, `NaN` is missing. */
export interface Features {
  readonly rows: number;
  readonly columns: readonly FeatureColumn[];
}

export interface FeatureColumn {
  readonly name: string;
  readonly values: Float32Array;
}

/**
 * What is predicted. Regression: Float64 values. Classification: the class's index in `classes`, which
 * are in the order of the model's scores.
 */
export type Task = 'regression' | 'binary' | 'multiclass';

export type Model = GbdtModel | LinearModel;

/**
 * Boosted regression trees. The raw score of class k is the sum of the leaves that each
 * `trees[iteration][k]` leads to, the best constant being part of the first tree's; regression gives it as it is, binary (one tree an iteration, score of
 * the positive class) through the logistic function, multiclass through softmax.
 */
export interface GbdtModel {
  readonly kind: 'gbdt';
  readonly task: Task;
  /** 1 for regression and binary, the number of classes for multiclass. */
  readonly outputs: number;
  readonly features: readonly { readonly name: string }[];
  readonly trees: readonly (readonly Tree[])[];
}

/** A binary tree in arrays; node 0 is the root. Values are exactly representable in float32. */
export interface Tree {
  /** Feature that a node asks; -1 for a leaf. */
  readonly feature: Int32Array;
  /** Left if `value <= threshold`. */
  readonly threshold: Float32Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** 1 where a missing value goes left. */
  readonly missingLeft: Uint8Array;
  /** A leaf's value, learning rate included; float32. */
  readonly value: Float32Array;
}

/** Raw score of output k: `intercept[k] + Σ coefficients[k][j] · x[j]`; then as for boosted trees. */
export interface LinearModel {
  readonly kind: 'linear';
  readonly task: Task;
  readonly outputs: number;
  readonly features: readonly { readonly name: string }[];
  /** outputs × features. */
  readonly coefficients: readonly Float64Array[];
  readonly intercept: readonly number[];
}
