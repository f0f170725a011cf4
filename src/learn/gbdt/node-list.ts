import type { Tree } from '../model.ts';

/** A tree while it grows. */
export class NodeList {
  readonly #feature: number[] = [];
  readonly #threshold: number[] = [];
  readonly #left: number[] = [];
  readonly #right: number[] = [];
  readonly #missingLeft: number[] = [];
  readonly #value: number[] = [];

  add(): number {
    this.#feature.push(-1);
    this.#threshold.push(0);
    this.#left.push(-1);
    this.#right.push(-1);
    this.#missingLeft.push(0);
    this.#value.push(0);
    return this.#feature.length - 1;
  }

  branch(
    node: number,
    feature: number,
    threshold: number,
    missingLeft: boolean,
  ): [left: number, right: number] {
    const [left, right] = [this.add(), this.add()];
    this.#feature[node] = feature;
    this.#threshold[node] = threshold;
    this.#left[node] = left;
    this.#right[node] = right;
    this.#missingLeft[node] = missingLeft ? 1 : 0;
    return [left, right];
  }

  setValue(node: number, value: number): void {
    this.#value[node] = value;
  }

  tree(): Tree {
    return {
      feature: Int32Array.from(this.#feature),
      threshold: Float32Array.from(this.#threshold),
      left: Int32Array.from(this.#left),
      right: Int32Array.from(this.#right),
      missingLeft: Uint8Array.from(this.#missingLeft),
      value: Float32Array.from(this.#value),
    };
  }
}
