import type { Row } from '../../db/sql.ts';
import { inList, listOf } from '../mlflow/in-list.ts';
import type { ImportTarget, Tally } from './import-target.ts';

interface OfExperiment {
  readonly id: string;
  readonly experimentId: string;
}

/**
 * Those of a page that may be written: of an experiment that is here, and not another thing under the same
 * id. The others are counted and named.
 */
export async function compareWithHere<T extends OfExperiment>(
  { database, places, findings }: ImportTarget,
  tally: Tally,
  page: readonly T[],
  {
    what,
    table,
    key,
    isSame,
  }: {
    /** `trace`, for findings. */
    readonly what: string;
    /** Names of our own schema. */
    readonly table: string;
    readonly key: string;
    readonly isSame: (row: Row, one: T, experiment: number) => boolean;
  },
): Promise<T[]> {
  const known = page.filter(({ id, experimentId }) => {
    if (places.has(experimentId)) return true;
    findings.add('skipped', `${what} of an experiment that is not there`, id);
    return false;
  });
  const rows = await database.read((sql) =>
    sql.all(
      `SELECT * FROM ${table} WHERE ${key} IN ${inList(sql, 'text')}`,
      listOf(known.map(({ id }) => id)),
    ),
  );
  const here = new Map(rows.map((row) => [String(row[key]), row]));
  return known.filter((one) => {
    const row = here.get(one.id);
    const same = row === undefined || isSame(row, one, places.get(one.experimentId)?.id ?? 0);
    tally[row === undefined ? 'imported' : same ? 'there' : 'conflicts'] += 1;
    if (!same) findings.add('conflict', `a ${what} of the same id is another here`, one.id);
    return same;
  });
}
