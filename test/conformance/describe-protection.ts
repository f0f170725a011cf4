import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/sql.ts';
import { changesOf } from '../../src/tracking/mlflow/history.ts';
import {
  deleteAlias,
  deleteVersion,
  moveStage,
  readAlias,
  setAlias,
  setVersionTag,
} from '../../src/tracking/mlflow/model-versions.ts';
import { deleteModel, renameModel } from '../../src/tracking/mlflow/registered-models.ts';
import { listPromotions } from '../../src/tracking/protection/promotion.ts';
import { type AliasOutcome, approve, moveOrAsk, reject } from '../../src/tracking/protection/promotions.ts';
import { protect, protectionsOf, unprotect } from '../../src/tracking/protection/protections.ts';
import { newModel, newVersion, type OpenStore, outcome } from './mlflow-store.ts';

const ann = { actor: 'ann', at: 60 };
const bob = { actor: 'bob', at: 70, principals: ['user:bob', 'group:risk'] };
const PROTECTION = { alias: 'champion', requires: null, approvers: ['group:risk'] } as const;

async function ask(database: Database, version: string, expected?: string): Promise<AliasOutcome> {
  return database.write((sql) => moveOrAsk(sql, { name: 'm', alias: 'champion', version, expected }, ann));
}

async function champion(database: Database): Promise<string> {
  return (await database.read((sql) => readAlias(sql, 'm', 'champion'))).version;
}

/** A model with three versions, the first of them the protected champion. */
async function protectedModel(database: Database, requires: 'validated' | null = null): Promise<void> {
  await newModel(database, 'm');
  for (let n = 0; n < 3; n += 1) await newVersion(database, 'm');
  await database.write(async (sql) => {
    await setAlias(sql, 'm', 'champion', '1', ann);
    await protect(sql, 'm', { ...PROTECTION, requires }, ann);
  });
}

export function describeProtection(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name}: a protected alias`, () => {
    test('is moved, deleted or gone round by nobody', async () => {
      await using store = await open();
      const { database } = store;
      await protectedModel(database);
      const done: Record<string, string> = {};
      for (const [what, work] of [
        ['set', (sql) => setAlias(sql, 'm', 'champion', '2', ann)],
        ['delete', (sql) => deleteAlias(sql, 'm', 'champion', ann)],
        ['delete its version', (sql) => deleteVersion(sql, 'm', '1', ann)],
        ['rename', (sql) => renameModel(sql, 'm', 'n', ann)],
        ['delete the model', (sql) => deleteModel(sql, 'm', ann)],
        ['stage', (sql) => moveStage(sql, 'm', '2', { stage: 'Production', archive: false }, ann)],
        ['another alias', (sql) => setAlias(sql, 'm', 'challenger', '2', ann)],
        ['delete another version', (sql) => deleteVersion(sql, 'm', '3', ann)],
      ] as const satisfies readonly (readonly [string, Parameters<Database['write']>[0]])[])
        done[what] = await outcome(database.write(work));
      expect(done).toEqual({
        set: 'PERMISSION_DENIED',
        delete: 'PERMISSION_DENIED',
        'delete its version': 'PERMISSION_DENIED',
        rename: 'PERMISSION_DENIED',
        'delete the model': 'PERMISSION_DENIED',
        stage: 'PERMISSION_DENIED',
        'another alias': 'done',
        'delete another version': 'done',
      });
      expect(await champion(database)).toBe('1');
      await database.write((sql) => unprotect(sql, 'm', 'champion', ann));
      expect(await ask(database, '2', '1')).toEqual({ kind: 'moved' });
    });

    test('moves when an approver other than who asked approves, and the audit shows both', async () => {
      await using store = await open();
      const { database } = store;
      await protectedModel(database);
      const asked = await ask(database, '2', '1');
      expect(asked).toMatchObject({
        kind: 'pending',
        promotion: { version: '2', before: '1', state: 'pending', requested_by: 'ann', decided_by: null },
      });
      // Asked for again it is the same wish.
      expect(await ask(database, '2', '1')).toEqual(asked);
      const id = asked.kind === 'pending' ? asked.promotion.id : '';
      const eve = { actor: 'eve', at: 70, principals: ['user:eve'] };
      const self = { ...ann, principals: ['user:ann', 'group:risk'] };
      for (const who of [eve, self])
        expect(await outcome(database.write((sql) => approve(sql, id, who)))).toBe('PERMISSION_DENIED');
      expect(await champion(database)).toBe('1');
      expect(await database.write((sql) => approve(sql, id, bob))).toMatchObject({
        state: 'approved',
        decided_by: 'bob',
        decided_at: 70,
      });
      expect(await champion(database)).toBe('2');
      expect(await outcome(database.write((sql) => approve(sql, id, bob)))).toBe('INVALID_PARAMETER_VALUE');
      const rows = await database.read((sql) =>
        sql.all("SELECT actor, action, before, after FROM audit WHERE name = 'm' ORDER BY id DESC LIMIT 3"),
      );
      expect(rows.map((row) => ({ ...row }))).toEqual([
        { actor: 'bob', action: `approve champion #${id}`, before: '1', after: '2' },
        { actor: 'bob', action: 'alias champion', before: '1', after: '2' },
        { actor: 'ann', action: 'ask for champion', before: '1', after: '2' },
      ]);
    });

    test('that one asks for in the name of another is approved by neither, and the audit shows both', async () => {
      await using store = await open();
      const { database } = store;
      await protectedModel(database);
      const robot = { actor: 'robot', askedFor: 'ann', at: 60 };
      const wish = { name: 'm', alias: 'champion', version: '2', expected: '1' };
      const asked = await database.write((sql) => moveOrAsk(sql, wish, robot));
      expect(asked).toMatchObject({ promotion: { requested_by: 'robot', requested_for: 'ann' } });
      // Who asks for the same in their own name changes nothing of it.
      expect(await ask(database, '2', '1')).toEqual(asked);
      const id = asked.kind === 'pending' ? asked.promotion.id : '';
      for (const actor of ['robot', 'ann']) {
        const who = { actor, at: 70, principals: [`user:${actor}`, 'group:risk'] };
        expect(await outcome(database.write((sql) => approve(sql, id, who)))).toBe('PERMISSION_DENIED');
      }
      expect(await database.write((sql) => approve(sql, id, bob))).toMatchObject({ state: 'approved' });
      const changes = await database.read((sql) => changesOf(sql, 'm'));
      expect(changes.slice(-3).map((row) => [row.actor, row.for, row.action])).toEqual([
        ['robot', 'ann', 'ask for champion'],
        ['bob', undefined, 'alias champion'],
        ['bob', undefined, `approve champion #${id}`],
      ]);
    });

    test('that moved meanwhile stays where it is: what was asked for before is stale', async () => {
      await using store = await open();
      const { database } = store;
      await protectedModel(database);
      const ids = [];
      for (const version of ['2', '3']) {
        const asked = await ask(database, version, '1');
        ids.push(asked.kind === 'pending' ? asked.promotion.id : '');
      }
      expect(await ask(database, '3', '2')).toEqual({ kind: 'other', version: '1' });
      const decided = await Promise.all(
        ids.flatMap((id) => [id, id]).map((id) => outcome(database.write((sql) => approve(sql, id, bob)))),
      );
      expect(decided.toSorted()).toEqual([
        'INVALID_PARAMETER_VALUE',
        'INVALID_PARAMETER_VALUE',
        'done',
        'done',
      ]);
      const states = await database.read((sql) => listPromotions(sql, 'm', undefined));
      expect(states.map(({ state }) => state).toSorted()).toEqual(['approved', 'stale']);
      const approved = states.find(({ state }) => state === 'approved');
      expect(await champion(database)).toBe(approved?.version);
    });

    test('may be for validated versions only', async () => {
      await using store = await open();
      const { database } = store;
      await protectedModel(database, 'validated');
      expect(await outcome(ask(database, '2', '1'))).toBe('PERMISSION_DENIED');
      const tag = { key: 'stockpot.verdict', value: 'VALIDATED' };
      await database.write((sql) => setVersionTag(sql, 'm', '2', tag, ann));
      expect(await ask(database, '2', '1')).toMatchObject({ kind: 'pending' });
    });

    test('stays where it is if by the time of the approval its version is not what it has to be', async () => {
      await using store = await open();
      const { database } = store;
      await protectedModel(database);
      const tag = (value: string): Promise<void> =>
        database.write((sql) => setVersionTag(sql, 'm', '2', { key: 'stockpot.verdict', value }, ann));
      const asked = await ask(database, '2', '1');
      const id = asked.kind === 'pending' ? asked.promotion.id : '';
      const approval = (): Promise<string> => outcome(database.write((sql) => approve(sql, id, bob)));
      // Asked of all versions only after the wish.
      await database.write((sql) => protect(sql, 'm', { ...PROTECTION, requires: 'validated' }, ann));
      expect(await approval()).toBe('PERMISSION_DENIED');
      await tag('REJECTED');
      await expect(database.write((sql) => approve(sql, id, bob))).rejects.toThrow(
        'The alias champion of m is for versions that were validated; the verdict on version 2 is REJECTED.',
      );
      expect(await champion(database)).toBe('1');
      // It waits until the version is judged anew, or the wish is rejected.
      await tag('VALIDATED');
      expect(await approval()).toBe('done');
      expect(await champion(database)).toBe('2');
    });

    test('is not waited for any more when its version goes, or the model', async () => {
      await using store = await open();
      const { database } = store;
      await protectedModel(database);
      const ids: string[] = [];
      for (const version of ['2', '3']) {
        const asked = await ask(database, version, '1');
        ids.push(asked.kind === 'pending' ? asked.promotion.id : '');
      }
      await database.write((sql) => deleteVersion(sql, 'm', '2', { ...ann, actor: 'eve' }));
      const states = await database.read((sql) => listPromotions(sql, 'm', undefined));
      expect(states.map(({ version, state, decided_by }) => [version, state, decided_by])).toEqual([
        ['3', 'pending', null],
        ['2', 'stale', 'eve'],
      ]);
      expect(await outcome(database.write((sql) => approve(sql, ids[0] ?? '', bob)))).toBe(
        'INVALID_PARAMETER_VALUE',
      );
      await database.write((sql) => unprotect(sql, 'm', 'champion', ann));
      expect(await database.read((sql) => listPromotions(sql, 'm', 'pending'))).toEqual([]);
      await database.write((sql) => protect(sql, 'm', PROTECTION, ann));
      expect(await outcome(database.write((sql) => approve(sql, ids[1] ?? '', bob)))).toBe(
        'INVALID_PARAMETER_VALUE',
      );
      await database.write((sql) => unprotect(sql, 'm', 'champion', ann));
      await database.write((sql) => deleteModel(sql, 'm', ann));
      const rows = await database.read((sql) => changesOf(sql, 'm'));
      expect(rows.map(({ action }) => action)).toEqual([
        'create',
        'register',
        'register',
        'register',
        'alias champion',
        'protect champion',
        'ask for champion',
        'ask for champion',
        `find stale champion #${ids[0]}`,
        'delete version',
        'protect champion',
        `find stale champion #${ids[1]}`,
        'protect champion',
        'protect champion',
        'delete',
      ]);
    });

    test('is rejected by an approver, or by who asked', async () => {
      await using store = await open();
      const { database } = store;
      await protectedModel(database);
      for (const who of [bob, { ...ann, principals: [] }]) {
        const asked = await ask(database, '2', '1');
        const id = asked.kind === 'pending' ? asked.promotion.id : '';
        expect(await database.write((sql) => reject(sql, id, who))).toMatchObject({
          state: 'rejected',
          decided_by: who.actor,
        });
      }
      expect(await champion(database)).toBe('1');
    });

    test('needs approvers that there can be', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm');
      for (const approvers of [[], ['risk'], ['everyone']])
        expect(
          await outcome(database.write((sql) => protect(sql, 'm', { ...PROTECTION, approvers }, ann))),
        ).toBe('INVALID_PARAMETER_VALUE');
      await database.write((sql) =>
        protect(sql, 'm', { ...PROTECTION, approvers: ['user:b', 'user:a'] }, ann),
      );
      await database.write((sql) => protect(sql, 'm', { ...PROTECTION, approvers: ['user:c'] }, ann));
      expect(await database.read((sql) => protectionsOf(sql, 'm'))).toEqual([
        { ...PROTECTION, approvers: ['user:c'] },
      ]);
    });
  });
}
