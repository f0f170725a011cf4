import type { Row, Sql } from '../../db/sql.ts';
import { audit, type Change } from '../mlflow/audit.ts';
import { missing } from '../mlflow/mlflow-error.ts';
import { announce } from '../webhooks/announce.ts';

/** Somebody's wish that a protected alias point to a version. Times in milliseconds since the Unix epoch. */
export interface Promotion {
  readonly id: string;
  readonly name: string;
  readonly alias: string;
  readonly version: string;
  /** What the alias pointed to when it was asked for. */
  readonly before: string | null;
  /** `stale`: when it was approved the alias pointed elsewhere already, the version was deleted before, or the protection ended. */
  readonly state: 'pending' | 'approved' | 'rejected' | 'stale';
  readonly requested_by: string;
  /** Who asked them for it, if that is another: who submitted a run, of its driver. */
  readonly requested_for: string | null;
  readonly requested_at: number;
  readonly decided_by: string | null;
  readonly decided_at: number | null;
}

/** Newest first; of all models where `name` is undefined. */
export async function listPromotions(
  sql: Sql,
  name: string | undefined,
  state: Promotion['state'] | undefined,
): Promise<Promotion[]> {
  const rows = await sql.all(
    `SELECT * FROM promotions WHERE ${name === undefined ? "'' = ?" : 'name = ?'} AND ${state === undefined ? "'' = ?" : 'state = ?'}
     ORDER BY promotion_id DESC LIMIT 1000`,
    name ?? '',
    state ?? '',
  );
  return rows.map(promotionOf);
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export async function readPromotion(sql: Sql, id: string): Promise<Promotion> {
  const row = /^\d{1,15}$/.test(id)
    ? await sql.get('SELECT * FROM promotions WHERE promotion_id = ?', Number(id))
    : undefined;
  if (row === undefined) throw missing(`There is no promotion ${id.slice(0, 40)}`);
  return promotionOf(row);
}

/** Ends a wish, and tells of it. Gives it as it is afterwards. */
export async function decide(
  sql: Sql,
  id: string,
  state: Exclude<Promotion['state'], 'pending'>,
  change: Change,
): Promise<Promotion> {
  const { actor, at } = change;
  await sql.run(
    'UPDATE promotions SET state = ?, decided_by = ?, decided_at = ? WHERE promotion_id = ?',
    state,
    actor,
    at,
    Number(id),
  );
  const decided = await readPromotion(sql, id);
  const { name, alias, version, before } = decided;
  const action = { approved: 'approve', rejected: 'reject', stale: 'find stale' }[state];
  await audit(sql, change, { action: `${action} ${alias} #${id}`, name, before, after: version });
  const data = { ...toldOf(decided), decided_by: actor };
  await announce(sql, { what: `promotion ${state}`, name, data }, at);
  return decided;
}

/** Ends the wishes that nobody can grant any more: for a version that goes, for an alias that is protected no longer, or all of a model. */
export async function endWishes(
  sql: Sql,
  name: string,
  which: { readonly version?: number; readonly alias?: string },
  change: Change,
): Promise<void> {
  const rows = await sql.all(
    `SELECT promotion_id FROM promotions WHERE name = ? AND state = 'pending' AND version = coalesce(?, version) AND alias = coalesce(?, alias) ORDER BY promotion_id`,
    name,
    which.version ?? null,
    which.alias ?? null,
  );
  for (const row of rows) await decide(sql, String(row['promotion_id']), 'stale', change);
}

/** What webhooks are told of a wish. */
export function toldOf({ id, alias, version, before, requested_by, requested_for }: Promotion): object {
  return { promotion_id: id, alias, version, before, requested_by, requested_for };
}

/** A row of `promotions`. */
export function promotionOf(row: Row): Promotion {
  const text = (column: string): string | null => (row[column] === null ? null : String(row[column]));
  return {
    id: String(row['promotion_id']),
    name: String(row['name']),
    alias: String(row['alias']),
    version: String(row['version']),
    before: text('before_version'),
    state: row['state'] as Promotion['state'],
    requested_by: String(row['requested_by']),
    requested_for: text('requested_for'),
    requested_at: Number(row['requested_at']),
    decided_by: text('decided_by'),
    decided_at: row['decided_at'] === null ? null : Number(row['decided_at']),
  };
}
