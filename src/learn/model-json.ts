import type { GbdtModel, LinearModel, Model, Tree } from './model.ts';

/** A model as JSON: arrays for typed arrays; float32 values are exact in JSON's doubles. */
export function encodeModel(model: Model): object {
  return model.kind === 'gbdt'
    ? { ...model, trees: model.trees.map((iteration) => iteration.map(encodeTree)) }
    : { ...model, coefficients: model.coefficients.map((one) => [...one]) };
}

export function decodeModel(json: EncodedModel): Model {
  return json.kind === 'gbdt'
    ? { ...json, trees: json.trees.map((iteration) => iteration.map(decodeTree)) }
    : { ...json, coefficients: json.coefficients.map((one) => Float64Array.from(one)) };
}

type EncodedModel =
  | (Omit<GbdtModel, 'trees'> & { readonly trees: readonly (readonly EncodedTree[])[] })
  | (Omit<LinearModel, 'coefficients'> & { readonly coefficients: readonly (readonly number[])[] });

interface EncodedTree {
  readonly feature: readonly number[];
  readonly threshold: readonly number[];
  readonly left: readonly number[];
  readonly right: readonly number[];
  readonly missingLeft: readonly number[];
  readonly value: readonly number[];
}

function encodeTree({ feature, threshold, left, right, missingLeft, value }: Tree): EncodedTree {
  return {
    feature: [...feature],
    threshold: [...threshold],
    left: [...left],
    right: [...right],
    missingLeft: [...missingLeft],
    value: [...value],
  };
}

function decodeTree({ feature, threshold, left, right, missingLeft, value }: EncodedTree): Tree {
  return {
    feature: Int32Array.from(feature),
    threshold: Float32Array.from(threshold),
    left: Int32Array.from(left),
    right: Int32Array.from(right),
    missingLeft: Uint8Array.from(missingLeft),
    value: Float32Array.from(value),
  };
}
