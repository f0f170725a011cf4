import type { DatabaseSync } from 'node:sqlite';
import type { RunPage, RunSearch } from '../../engine/tracking-port.ts';
import { parseFilter, parseOrder } from '../filter.ts';
import { conditionOf, orderOf, type Sql } from '../filter-sql.ts';
import { offsetOf, pageToken } from '../page-token.ts';
import { readRun } from './read-run.ts';

/** A page of runs that match; see `Tracking.search`. */
export function searchRuns(
  db: DatabaseSync,
  { where, sort, limit, pageToken: token, children, lifecycle = 'active' }: RunSearch,
): RunPage {
  const conditions: Sql[] =
    where === undefined ? [] : parseFilter(where).map((one) => conditionOf(one, 'sqlite'));
  if (lifecycle !== 'all') conditions.push({ text: 'r.lifecycle_stage = ?', values: [lifecycle] });
  if (!children)
    conditions.push({
      text: `NOT EXISTS (SELECT 1 FROM tags t WHERE t.run_uuid = r.run_uuid AND t.key = 'mlflow.parentRunId')`,
      values: [],
    });
  const orders = sort === undefined ? [] : parseOrder(sort).map((one) => orderOf(one));
  const offset = offsetOf(token);
  const ids = db
    .prepare(
      `SELECT r.run_uuid AS id FROM runs r JOIN experiments e USING (experiment_id)
       WHERE ${['true', ...conditions.map(({ text }) => `(${text})`)].join(' AND ')}
       ORDER BY ${[...orders.map(({ text }) => text), 'r.start_time DESC', 'r.run_uuid'].join(', ')} LIMIT ? OFFSET ?`,
    )
    .all(...[...conditions, ...orders].flatMap(({ values }) => values), limit + 1, offset)
    .map((row) => String(row['id']));
  return {
    runs: ids.slice(0, limit).flatMap((id) => readRun(db, id) ?? []),
    ...(ids.length > limit ? { nextPageToken: pageToken(offset + limit) } : {}),
  };
}

/** Ids of at most two runs; see `Tracking.idsLike`. */
export function idsLike(db: DatabaseSync, text: string): string[] {
  if (text === '') return [];
  return db
    .prepare(
      `SELECT run_uuid AS id FROM runs WHERE lifecycle_stage = 'active'
         AND (substr(run_uuid, 1, length(?1)) = ?1 OR name = ?1 OR substr(name, -length(?1) - 1) = ' ' || ?1)
       ORDER BY run_uuid LIMIT 2`,
    )
    .all(text)
    .map((row) => String(row['id']));
}
