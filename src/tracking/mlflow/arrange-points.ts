import { storedNumber } from './stored-number.ts';

/** A point of a metric as a row: what of `earlier_metrics` and of `latest_metrics` makes it one of its own. */
export type Point = readonly [
  run: string,
  key: string,
  step: number,
  timestamp: number,
  value: number,
  isNan: 0 | 1,
];

export function pointOf(
  run: string,
  { key, step, timestamp, value }: { key: string; step: number; timestamp: number; value: number },
): Point {
  return [run, key, step, timestamp, ...storedNumber(value)];
}

export interface Arranged {
  /** One for each metric whose latest point is another now. */
  readonly latest: readonly Point[];
  /** Each once; some of them may be among the earlier points already. */
  readonly earlier: readonly Point[];
  /** Of `latest` those that may be among the earlier points, and belong there no more. */
  readonly returned: readonly Point[];
}

/**
 * Where points go, in their order, beside the latest ones that are known. The latest is that of the highest step,
 * then time, then value; of the number 0 and of what is no number at one step and time, that which was written
 * last. Equal points are one.
 */
export function arrangePoints(points: readonly Point[], known: readonly Point[] = []): Arranged {
  const before = new Map(known.map((point) => [metricOf(point), point]));
  const latest = new Map(before);
  const earlier = new Map<string, Point>();
  for (const point of points) {
    const metric = metricOf(point);
    const last = latest.get(metric);
    const order = last === undefined ? 1 : compare(point, last);
    if (last !== undefined && order === 0 && point[5] === last[5]) continue;
    if (order < 0) {
      earlier.set(point.join('\0'), point);
      continue;
    }
    if (last !== undefined) earlier.set(last.join('\0'), last);
    if (order === 0) earlier.delete(point.join('\0'));
    latest.set(metric, point);
  }
  const changed = Array.from(latest).filter(([metric, point]) => before.get(metric) !== point);
  const isReturned = ([metric, point]: [string, Point]): boolean => {
    const last = before.get(metric);
    return last !== undefined && compare(point, last) === 0;
  };
  return {
    latest: changed.map(([, point]) => point),
    earlier: [...earlier.values()],
    returned: changed.filter(isReturned).map(([, point]) => point),
  };
}

function metricOf([run, key]: Point): string {
  return `${run}\0${key}`;
}

/** Above 0 if `a` is later than `b`; 0 for two of which neither is, though one may be no number. */
function compare(a: Point, b: Point): number {
  return a[2] - b[2] || a[3] - b[3] || (a[4] === b[4] ? 0 : a[4] > b[4] ? 1 : -1);
}
