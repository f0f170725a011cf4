/** Areas and curves of scores against a yes-or-no truth; rows of equal score are one step. */
export interface Curves {
  /** By the trapezoid rule; NaN where one class is absent. */
  readonly rocAuc: number;
  /** Average precision: the precision of each step by the recall that it adds; 0 without positives. */
  readonly averagePrecision: number;
  /** From (0, 0) to (1, 1), at most some 200 points. */
  readonly roc: readonly (readonly [fpr: number, tpr: number])[];
  readonly pr: readonly (readonly [recall: number, precision: number])[];
}

type Point = readonly [x: number, y: number];

const POINTS = 200;

/**
 * How well scores put positives first.
 *
 * @param weight of each row, 1 if not said
 */
export function rankingCurves(scores: Float32Array, isPositive: Uint8Array, weight?: Float64Array): Curves {
  const rows = descendingRows(scores);
  const total: [negatives: number, positives: number] = [0, 0];
  for (let row = 0; row < scores.length; row += 1)
    total[isPositive[row] === 1 ? 1 : 0] += weight === undefined ? 1 : (weight[row] as number);
  const [negatives, positives] = total;
  const steps = stepCount(scores, rows);
  const [roc, pr] = [new Curve(steps, [0, 0]), new Curve(steps, [0, 1])];
  let [tp, fp, area, average] = [0, 0, 0, 0];
  let [lastTp, lastFp] = [0, 0];
  for (let at = 0; at < rows.length; ) {
    const score = scores[rows[at] as number] as number;
    // What is no number equals nothing, not even itself.
    do {
      const row = rows[at] as number;
      const w = weight === undefined ? 1 : (weight[row] as number);
      if (isPositive[row] === 1) tp += w;
      else fp += w;
      at += 1;
    } while (at < rows.length && scores[rows[at] as number] === score);
    area += ((fp - lastFp) * (tp + lastTp)) / 2;
    if (tp > lastTp) average += ((tp - lastTp) / positives) * (tp / (tp + fp));
    [lastTp, lastFp] = [tp, fp];
    const isLast = at === rows.length;
    roc.add(fp / negatives, tp / positives, isLast);
    pr.add(tp / positives, tp / (tp + fp), isLast);
  }
  return {
    rocAuc: positives === 0 || negatives === 0 ? Number.NaN : area / (positives * negatives),
    averagePrecision: average,
    roc: roc.points,
    pr: pr.points,
  };
}

/**
 * Row numbers, the greatest score first; one that is no number comes before all. Sorted as whole numbers, the
 * bits of the score above the row's number, without a comparison in JavaScript.
 */
function descendingRows(scores: Float32Array): Uint32Array {
  const keys = new BigUint64Array(scores.length);
  // Little-endian, as is every platform that Node runs on.
  const halves = new Uint32Array(keys.buffer);
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  for (let row = 0; row < scores.length; row += 1) {
    // −0 and 0 are one score.
    float[0] = (scores[row] as number) + 0;
    const own = bits[0] as number;
    halves[2 * row] = row;
    // Bits of floats from 0 on are in the order of the floats, those of negative ones in the opposite order.
    halves[2 * row + 1] = own >>> 31 === 0 ? own + 0x80000000 : ~own;
  }
  keys.sort();
  const rows = new Uint32Array(scores.length);
  for (let at = 0; at < rows.length; at += 1) rows[at] = halves[2 * (rows.length - 1 - at)] as number;
  return rows;
}

function stepCount(scores: Float32Array, rows: Uint32Array): number {
  let steps = 0;
  for (let at = 0; at < rows.length; at += 1)
    if (at === 0 || scores[rows[at] as number] !== scores[rows[at - 1] as number]) steps += 1;
  return steps;
}

/** Points of a curve in order: all of a few, of many some evenly spaced in x, and the last. */
class Curve {
  readonly points: Point[];
  readonly #width: number;

  constructor(steps: number, first: Point) {
    this.points = [first];
    this.#width = steps < POINTS ? 0 : 1 / POINTS;
  }

  add(x: number, y: number, isLast: boolean): void {
    const last = this.points.at(-1) as Point;
    if (isLast || this.#width === 0 || x - last[0] >= this.#width) this.points.push([x, y]);
  }
}
