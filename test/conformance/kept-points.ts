import type { Database } from '../../src/db/sql.ts';
import type { Metric } from '../../src/tracking/mlflow/messages.ts';
import { historyPage, pointsOf } from '../../src/tracking/mlflow/metric-history.ts';
import { storedNumber } from '../../src/tracking/mlflow/stored-number.ts';
import { read } from './mlflow-store.ts';

/** What a run has of the metrics of some points. */
export async function found(database: Database, run: string, written: readonly Metric[]): Promise<Kept> {
  const { data } = await read(database, run);
  const rows = await database.read((sql) => sql.all('SELECT * FROM metrics WHERE run_uuid = ?', run));
  const histories = await Promise.all(
    keysOf(written).map(async (key) => {
      const history = await wholeHistory(database, key, run);
      return {
        key,
        points: history.map(text).toSorted(),
        isInOrder: history.every((one, index) => index === 0 || compare(history[index - 1] ?? one, one) <= 0),
        last: history.at(-1),
        ofRun: data.metrics.find((one) => one.key === key),
      };
    }),
  );
  return { rows: rows.length, histories };
}

/** Each point once, in order; the latest is the run's: of 0 and what is no number, stored as 0, what was written last. */
export function expected(written: readonly Metric[]): Kept {
  const histories = keysOf(written).map((key) => {
    const own = written.filter((one) => one.key === key);
    const last = own.reduce((latest, one) => (compare(one, latest) >= 0 ? one : latest));
    return { key, points: [...new Set(own.map(text))].toSorted(), isInOrder: true, last, ofRun: last };
  });
  return { rows: new Set(written.map(text)).size, histories };
}

interface Kept {
  readonly rows: number;
  readonly histories: readonly {
    readonly key: string;
    readonly points: readonly string[];
    readonly isInOrder: boolean;
    readonly last: Metric | undefined;
    readonly ofRun: Metric | undefined;
  }[];
}

function keysOf(points: readonly Metric[]): string[] {
  return [...new Set(points.map(({ key }) => key))].toSorted();
}

export async function wholeHistory(database: Database, key: string, run = 'r'): Promise<Metric[]> {
  const points: Metric[] = [];
  let pageToken: string | undefined;
  do {
    const page = await database.read((sql) => historyPage(sql, run, key, { maxResults: 7, pageToken }));
    points.push(...pointsOf(page.metrics));
    pageToken = page.next_page_token;
  } while (pageToken !== undefined);
  return points;
}

function text({ key, value, step, timestamp }: Metric): string {
  return JSON.stringify([key, String(value), step, timestamp]);
}

/** By step, time and value as it is stored. */
function compare(a: Metric, b: Metric): number {
  const value = ({ value }: Metric): number => storedNumber(value)[0];
  return a.step - b.step || a.timestamp - b.timestamp || Math.sign(value(a) - value(b));
}
