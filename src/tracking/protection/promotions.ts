import type { Sql } from '../../db/sql.ts';
import { audit, type Change } from '../mlflow/audit.ts';
import { invalid, MlflowError } from '../mlflow/mlflow-error.ts';
import { aliasedVersion, moveAlias, readVersion } from '../mlflow/model-versions.ts';
import { lockModel } from '../mlflow/require-model.ts';
import { announce } from '../webhooks/announce.ts';
import { decide, type Promotion, promotionOf, readPromotion, toldOf } from './promotion.ts';
import { type Protection, protectionOf } from './protections.ts';

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
  await requireShown(sql, { name, version }, protection);
  const waiting = await sql.get(
    `SELECT * FROM promotions WHERE name = ? AND alias = ? AND version = ? AND state = 'pending' AND coalesce(before_version, 0) = ?`,
    name,
    alias,
    Number(version),
    Number(before ?? 0),
  );
  if (waiting !== undefined) return { kind: 'pending', promotion: promotionOf(waiting) };
  const row = await sql.get(
    `INSERT INTO promotions (name, alias, version, before_version, state, requested_by, requested_for, requested_at)
     VALUES (?, ?, ?, ?, 'pending', ?, ?, ?) RETURNING *`,
    name,
    alias,
    Number(version),
    before === undefined ? null : Number(before),
    change.actor,
    change.askedFor ?? null,
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

/**
 * Moves the alias, unless it points elsewhere by now: then the promotion is stale. Gives it as it is afterwards.
 *
 * @throws MlflowError PERMISSION_DENIED for who asked, who is no approver, and if by now the version does not
 * show what the protection requires
 */
export async function approve(sql: Sql, id: string, approver: Approver): Promise<Promotion> {
  const { promotion, protection } = await undecided(sql, id, approver);
  const { name, alias, version, before } = promotion;
  if (hasAsked(promotion, approver))
    throw new MlflowError('PERMISSION_DENIED', `${approver.actor} asked for it: somebody else approves.`);
  const now = await aliasedVersion(sql, name, alias);
  const isStale = (now ?? null) !== before;
  if (!isStale) {
    // The verdict may be another than when it was asked for, and so may the protection.
    if (protection !== undefined) await requireShown(sql, { name, version }, protection);
    await moveAlias(sql, { name, alias, version }, approver);
  }
  return decide(sql, id, isStale ? 'stale' : 'approved', approver);
}

/** @throws MlflowError PERMISSION_DENIED for who is no approver and did not ask */
export async function reject(sql: Sql, id: string, approver: Approver): Promise<Promotion> {
  await undecided(sql, id, approver);
  return decide(sql, id, 'rejected', approver);
}

async function undecided(
  sql: Sql,
  id: string,
  { actor, principals }: Approver,
): Promise<{ promotion: Promotion; protection: Protection | undefined }> {
  const { name } = await readPromotion(sql, id);
  await lockModel(sql, name);
  const promotion = await readPromotion(sql, id);
  const { alias, state } = promotion;
  if (state !== 'pending') throw invalid(`The promotion ${id} is ${state} already.`);
  const protection = await protectionOf(sql, name, alias);
  const isApprover = protection?.approvers.some((one) => principals.includes(one)) ?? false;
  if (!isApprover && !hasAsked(promotion, { actor }))
    throw new MlflowError(
      'PERMISSION_DENIED',
      `${actor} is no approver of the alias ${alias} of ${name}: ${protection?.approvers.join(', ') ?? 'it is not protected any more'}.`,
    );
  return { promotion, protection };
}

function hasAsked({ requested_by, requested_for }: Promotion, { actor }: Pick<Change, 'actor'>): boolean {
  return actor === requested_by || actor === requested_for;
}

/** @throws MlflowError PERMISSION_DENIED unless a version has the verdict that the protection requires */
async function requireShown(
  sql: Sql,
  { name, version }: { name: string; version: string },
  { alias, requires }: Protection,
): Promise<void> {
  const { tags } = await readVersion(sql, name, version);
  const verdict = tags.find(({ key }) => key === 'stockpot.verdict')?.value;
  if (requires === 'validated' && verdict !== 'VALIDATED')
    throw new MlflowError(
      'PERMISSION_DENIED',
      `The alias ${alias} of ${name} is for versions that were validated; the verdict on version ${version} is ${verdict ?? 'not known'}.`,
    );
}
