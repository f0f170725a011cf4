import type { Sql } from '../db/sql.ts';
import { groupsOfUser } from '../tracking/access/groups.ts';
import { userPrincipal } from '../tracking/access/identity.ts';
import { changesOf } from '../tracking/mlflow/history.ts';
import { requireModel } from '../tracking/mlflow/require-model.ts';
import { listPromotions, readPromotion } from '../tracking/protection/promotion.ts';
import { type Approver, approve, moveOrAsk, reject } from '../tracking/protection/promotions.ts';
import { protect, protectionsOf, unprotect } from '../tracking/protection/protections.ts';
import { ALIAS_OUTCOME, MODEL_CHANGE, PROMOTION, PROTECTION } from './answers/protection-parts.ts';
import { listOf } from './answers/shape.ts';
import { changeOf } from './change-of.ts';
import { message, oneOf, repeated, required, text } from './message.ts';
import { type Need, on } from './policy.ts';
import { type Route, route, type Served } from './route.ts';
import { model } from './things.ts';

const NAME = { name: required(text()) };
const ALIAS = { ...NAME, alias: required(text()) };
const ID = message({ promotion_id: required(text()) });

/** Aliases that move only when somebody else approves, and who did what to a model. */
export const PROTECTION_ROUTES: readonly Route[] = [
  route(
    'GET',
    '/stockpot/protections',
    'listProtections',
    on('READ', model),
    message(NAME),
    { protections: listOf(PROTECTION) },
    async ({ database }, { name }) => ({
      protections: await database.read((sql) => protectionsOf(sql, name)),
    }),
  ),
  route(
    'POST',
    '/stockpot/protections',
    'protect',
    on('MANAGE', model),
    message({ ...ALIAS, requires: oneOf(['validated']), approvers: repeated(text()) }),
    {},
    async (served, { name, alias, requires = null, approvers }) => {
      const protection = { alias, requires, approvers };
      await served.database.write((sql) => protect(sql, name, protection, changeOf(served)));
      return {};
    },
  ),
  route(
    'DELETE',
    '/stockpot/protections',
    'unprotect',
    on('MANAGE', model),
    message(ALIAS),
    {},
    async (served, { name, alias }) => {
      await served.database.write((sql) => unprotect(sql, name, alias, changeOf(served)));
      return {};
    },
  ),
  route(
    'POST',
    '/stockpot/aliases/move',
    'moveAlias',
    on('EDIT', model),
    message({ ...ALIAS, version: required(text()), expected: text() }),
    { outcome: ALIAS_OUTCOME },
    async (served, { name, alias, version, expected = '' }) => ({
      outcome: await served.database.write((sql) =>
        moveOrAsk(
          sql,
          { name, alias, version, expected: expected === '' ? undefined : expected },
          changeOf(served),
        ),
      ),
    }),
  ),
  route(
    'GET',
    '/stockpot/promotions',
    'listPromotions',
    on('READ', model),
    message({ ...NAME, state: oneOf(['pending', 'approved', 'rejected', 'stale']) }),
    { promotions: listOf(PROMOTION) },
    async ({ database }, { name, state }) => ({
      promotions: await database.read((sql) => listPromotions(sql, name, state)),
    }),
  ),
  route(
    'POST',
    '/stockpot/promotions/{promotion_id}/approve',
    'approvePromotion',
    on('READ', promotedModel, 'write'),
    ID,
    { promotion: PROMOTION },
    async (served, { promotion_id }) => ({
      promotion: await served.database.write(async (sql) =>
        approve(sql, promotion_id, await approverOf(sql, served)),
      ),
    }),
  ),
  route(
    'POST',
    '/stockpot/promotions/{promotion_id}/reject',
    'rejectPromotion',
    on('READ', promotedModel, 'write'),
    ID,
    { promotion: PROMOTION },
    async (served, { promotion_id }) => ({
      promotion: await served.database.write(async (sql) =>
        reject(sql, promotion_id, await approverOf(sql, served)),
      ),
    }),
  ),
  route(
    'GET',
    '/stockpot/models/history',
    'getModelHistory',
    on('READ', model),
    message(NAME),
    { history: listOf(MODEL_CHANGE) },
    async ({ database, identity }, { name }) => ({
      history: await database.read(async (sql) => {
        // Nobody is granted what is not there any more.
        if (identity.kind === 'user' && identity.role !== 'admin') await requireModel(sql, name);
        return changesOf(sql, name);
      }),
    }),
  ),
];

async function promotedModel(sql: Sql, { promotion_id }: { promotion_id: string }): Promise<Need['on'][]> {
  const { name } = await readPromotion(sql, promotion_id);
  return model(sql, { name });
}

/** Where nobody signs in, whoever asks is who the machine says, with the groups of that name. */
async function approverOf(sql: Sql, served: Served): Promise<Approver> {
  const { identity } = served;
  const principals =
    identity.kind === 'user'
      ? identity.principals
      : [userPrincipal(identity.name), ...(await groupsOfUser(sql, identity.name))];
  return { ...changeOf(served), principals };
}
