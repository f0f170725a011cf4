import type { Row, Sql } from '../../db/sql.ts';
import { audit, type Change } from '../mlflow/audit.ts';
import { invalid, MlflowError, missing } from '../mlflow/mlflow-error.ts';
import { aliasedVersion, moveAlias, readVersion } from '../mlflow/model-versions.ts';
import { lockModel } from '../mlflow/require-model.ts';
import { announce } from '../webhooks/announce.ts';
import { protectionOf } from './protections.ts';

/** Somebody's wish that a protected alias point to a version. Times in milliseconds since the Unix epoch. */
export interface Promotion {
  readonly id: string;
  readonly name: string;
  readonly alias: string;
  readonly version: string;
  /** What the alias pointed to when it was asked for. */
  readonly before: string | null;
  /** `stale`: when it was approved the alias pointed elsewhere already. */
  readonly state: 'pending' | 'approved' | 'rejected' | 'stale';
  readonly requested_by: string;
  readonly requested_at: number;
  readonly decided_by: string | null;
  readonly decided_at: number | null;
}

export interface AliasWish {
  readonly name: string;
  readonly alias: string;
  readonly version: string;
  /** What the alias must point to; undefined for nothing. */
  readonly expected: string | undefined;
}

export type AliasOutcome =
  | { readonly kind: 'moved' }
  /** It points elsewhere. */
  | { readonly kind: 'other'; readonly version: string | undefined }
  /** Somebody has to approve. */
  | { readonly kind: 'pending'; readonly promotion: Promotion };

/** Who decides: their name, and what approvers may be named as. */
export interface Approver extends Change {
  readonly principals: readonly string[];
}

/**
 * Compare-and-set: the alias moves only if it points to what is expected, and, if it is protected, when
 * somebody else has approved. Asked for again it is the same wish.
 *
 * @throws MlflowError PERMISSION_DENIED if the version has not shown what the protection requires
 */
export async function moveOrAsk(sql: Sql, wish: AliasWish, change: Change): Promise<AliasOutcome> {
  const { name, alias, version, expected } = wish;
  await lockModel(sql, name);
  const before = await aliasedVersion(sql, name, alias);
  if (before === version) return { kind: 'moved' };
  if (before !== expected) return { kind: 'other', version: before };
  const protection = await protectionOf(sql, name, alias);
  if (protection === undefined) {
    await moveAlias(sql, { name, alias, version }, change);
    return { kind: 'moved' };
  }
  const { tags } = await readVersion(sql, name, version);
  const verdict = tags.find(({ key }) => key === 'stockpot.verdict')?.value;
  if (protection.requires === 'validated' && verdict !== 'VALIDATED')
    throw new MlflowError(
      'PERMISSION_DENIED',
      `The alias ${alias} of ${name} is for versions that were validated; the verdict on version ${version} is ${verdict ?? 'not known'}.`,
    );
  const waiting = await sql.get(
    `SELECT * FROM promotions WHERE name = ? AND alias = ? AND version = ? AND state = 'pending' AND coalesce(before_version, 0) = ?`,
    name,
    alias,
    Number(version),
    Number(before ?? 0),
  );
  if (waiting !== undefined) return { kind: 'pending', promotion: promotionOf(waiting) };
  const row = await sql.get(
    `INSERT INTO promotions (name, alias, version, before_version, state, requested_by, requested_at)
     VALUES (?, ?, ?, ?, 'pending', ?, ?) RETURNING *`,
    name,
    alias,
    Number(version),
    before === undefined ? null : Number(before),
    change.actor,
    change.at,
  );
  await audit(sql, change, {
    action: `ask for ${alias}`,
    name,
    before: before ?? null,
    after: version,
  });
  const promotion = promotionOf(row ?? {});
  await announce(sql, { what: 'promotion requested', name, data: toldOf(promotion) }, change.at);
  return { kind: 'pending', promotion };
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

/**
 * Moves the alias, unless it points elsewhere by now: then the promotion is stale. Gives it as it is afterwards.
 *
 * @throws MlflowError PERMISSION_DENIED for who asked, and who is no approver
 */
export async function approve(sql: Sql, id: string, approver: Approver): Promise<Promotion> {
  const { name, alias, version, before, requested_by } = await undecided(sql, id, approver);
  if (requested_by === approver.actor)
    throw new MlflowError('PERMISSION_DENIED', `${approver.actor} asked for it: somebody else approves.`);
  const now = await aliasedVersion(sql, name, alias);
  const isStale = (now ?? null) !== before;
  if (!isStale) await moveAlias(sql, { name, alias, version }, approver);
  return decide(sql, id, isStale ? 'stale' : 'approved', approver);
}

/** @throws MlflowError PERMISSION_DENIED for who is no approver and did not ask */
export async function reject(sql: Sql, id: string, approver: Approver): Promise<Promotion> {
  await undecided(sql, id, approver);
  return decide(sql, id, 'rejected', approver);
}

async function undecided(sql: Sql, id: string, { actor, principals }: Approver): Promise<Promotion> {
  const { name } = await readPromotion(sql, id);
  await lockModel(sql, name);
  const promotion = await readPromotion(sql, id);
  const { alias, state, requested_by } = promotion;
  if (state !== 'pending') throw invalid(`The promotion ${id} is ${state} already.`);
  const protection = await protectionOf(sql, name, alias);
  const isApprover = protection?.approvers.some((one) => principals.includes(one)) ?? false;
  if (!isApprover && actor !== requested_by)
    throw new MlflowError(
      'PERMISSION_DENIED',
      `${actor} is no approver of the alias ${alias} of ${name}: ${protection?.approvers.join(', ') ?? 'it is not protected any more'}.`,
    );
  return promotion;
}

async function decide(
  sql: Sql,
  id: string,
  state: Exclude<Promotion['state'], 'pending'>,
  { actor, at }: Change,
): Promise<Promotion> {
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
  await audit(sql, { actor, at }, { action: `${action} ${alias} #${id}`, name, before, after: version });
  const data = { ...toldOf(decided), decided_by: actor };
  await announce(sql, { what: `promotion ${state}`, name, data }, at);
  return decided;
}

function toldOf({ id, alias, version, before, requested_by }: Promotion): object {
  return { promotion_id: id, alias, version, before, requested_by };
}

function promotionOf(row: Row): Promotion {
  const text = (column: string): string | null => (row[column] === null ? null : String(row[column]));
  return {
    id: String(row['promotion_id']),
    name: String(row['name']),
    alias: String(row['alias']),
    version: String(row['version']),
    before: text('before_version'),
    state: row['state'] as Promotion['state'],
    requested_by: String(row['requested_by']),
    requested_at: Number(row['requested_at']),
    decided_by: text('decided_by'),
    decided_at: row['decided_at'] === null ? null : Number(row['decided_at']),
  };
}
