import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/sql.ts';
import { grant, grantsOn, permissionOn, readableBy, revoke } from '../../src/tracking/access/grants.ts';
import { addMember, createGroup, setSignedInGroups } from '../../src/tracking/access/groups.ts';
import type { Identity } from '../../src/tracking/access/identity.ts';
import { setUp, setupToken } from '../../src/tracking/access/set-up.ts';
import { beginSignIn, endSignIn } from '../../src/tracking/access/sign-ins.ts';
import { createToken, findToken, listTokens, revokeToken } from '../../src/tracking/access/tokens.ts';
import { createUser, deleteUser, identityOf, requireUser, setRole } from '../../src/tracking/access/users.ts';
import { searchExperiments } from '../../src/tracking/mlflow/search.ts';
import { change, newExperiment, newModel, type OpenStore, outcome, ROOT } from './mlflow-store.ts';

const ALL = { filter: '', view: 'ALL', maxResults: 100, orderBy: [], pageToken: undefined } as const;

async function user(
  database: Database,
  name: string,
  role: 'viewer' | 'member' | 'admin' = 'member',
): Promise<void> {
  await database.write((sql) => createUser(sql, { name, role, passwordHash: undefined }, change));
}

async function identity(database: Database, name: string): Promise<Identity> {
  return database.read(async (sql) => identityOf(sql, await requireUser(sql, name), 'admin'));
}

export function describeAccess(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name}: access`, () => {
    test('the shared cache is for everybody by role, until it was granted', async () => {
      await using store = await open();
      const { database } = store;
      await user(database, 'ann');
      await user(database, 'vi', 'viewer');
      const on = { kind: 'cache' } as const;
      const has = async (): Promise<readonly string[]> => {
        const both: string[] = [];
        for (const name of ['ann', 'vi']) {
          const me = await identity(database, name);
          both.push(await database.read((sql) => permissionOn(sql, me, on)));
        }
        return both;
      };
      expect(await has()).toEqual(['EDIT', 'READ']);
      await database.write(async (sql) => {
        await grant(sql, on, { principal: 'everyone', permission: 'NO_PERMISSIONS' }, change);
        await grant(sql, on, { principal: 'user:ann', permission: 'READ' }, change);
      });
      expect(await has()).toEqual(['READ', 'NO_PERMISSIONS']);
      await database.write((sql) => grant(sql, on, { principal: 'user:vi', permission: 'READ' }, change));
      expect(await has()).toEqual(['READ', 'READ']);
      expect(await database.read((sql) => grantsOn(sql, on))).toEqual([
        { principal: 'everyone', permission: 'NO_PERMISSIONS' },
        { principal: 'user:ann', permission: 'READ' },
        { principal: 'user:vi', permission: 'READ' },
      ]);
      await database.write(async (sql) => {
        for (const principal of ['everyone', 'user:ann', 'user:vi']) await revoke(sql, on, principal, change);
      });
      expect(await has()).toEqual(['EDIT', 'READ']);
    });

    test('a permission is the highest of what groups and everyone have, unless the user has one of their own', async () => {
      await using store = await open();
      const { database } = store;
      await user(database, 'ann');
      await newExperiment(database, 'e');
      await newModel(database, 'm');
      const on = { kind: 'experiment', id: '1' } as const;
      const has = async (): Promise<string> => {
        const me = await identity(database, 'ann');
        const readable = readableIds(database, me);
        const permission = await database.read((sql) => permissionOn(sql, me, on));
        // What a search shows and what a request may do say the same.
        expect((await readable).includes('1')).toBe(permission !== 'NO_PERMISSIONS');
        return permission;
      };
      expect(await has()).toBe('NO_PERMISSIONS');
      await database.write(async (sql) => {
        await createGroup(sql, { name: 'g', role: undefined }, change);
        await addMember(sql, { group: 'g', user: 'ann' }, change);
        await grant(
          sql,
          { kind: 'experiment', id: '*' },
          { principal: 'everyone', permission: 'READ' },
          change,
        );
      });
      expect(await has()).toBe('READ');
      await database.write((sql) => grant(sql, on, { principal: 'group:g', permission: 'EDIT' }, change));
      expect(await has()).toBe('EDIT');
      await database.write((sql) => grant(sql, on, { principal: 'user:ann', permission: 'USE' }, change));
      expect(await has()).toBe('USE');
      await database.write((sql) =>
        grant(sql, on, { principal: 'user:ann', permission: 'NO_PERMISSIONS' }, change),
      );
      expect(await has()).toBe('NO_PERMISSIONS');
      await database.write((sql) => revoke(sql, on, 'user:ann', change));
      expect(await has()).toBe('EDIT');
      expect(await database.read((sql) => grantsOn(sql, on))).toEqual([
        { principal: 'group:g', permission: 'EDIT' },
      ]);
      expect(
        await outcome(
          database.write((sql) => grant(sql, on, { principal: 'user:x', permission: 'READ' }, change)),
        ),
      ).toBe('RESOURCE_DOES_NOT_EXIST');
    });

    test('a role is the highest of one’s own and one’s groups’', async () => {
      await using store = await open();
      const { database } = store;
      await user(database, 'vic', 'viewer');
      await database.write(async (sql) => {
        await createGroup(sql, { name: 'makers', role: 'member' }, change);
        await createGroup(sql, { name: 'others', role: undefined }, change);
      });
      const role = async (): Promise<unknown> => {
        const found = await identity(database, 'vic');
        return found.kind === 'user' ? found.role : '';
      };
      expect(await role()).toBe('viewer');
      await database.write((sql) => setSignedInGroups(sql, 'vic', ['makers', 'others', 'unknown']));
      expect(await role()).toBe('member');
      await database.write((sql) => setSignedInGroups(sql, 'vic', ['others']));
      expect(await role()).toBe('viewer');
    });

    test('a token is found by its secret until it lapses, and goes with its user', async () => {
      await using store = await open();
      const { database } = store;
      await user(database, 'ann');
      const kind = 'api';
      const made = { kind, username: 'ann', name: 't', scope: 'read', expiresAt: 100 } as const;
      const secret = await database.write((sql) => createToken(sql, made, change));
      const find = async (at: number): Promise<unknown> =>
        (await database.read((sql) => findToken(sql, secret, at)))?.username;
      expect([await find(99), await find(100)]).toEqual(['ann', undefined]);
      const [listed] = await database.read((sql) => listTokens(sql, 'ann'));
      expect(await outcome(database.write((sql) => revokeToken(sql, listed?.id ?? 0, 'bob', change)))).toBe(
        'RESOURCE_DOES_NOT_EXIST',
      );
      await user(database, 'root', 'admin');
      await database.write((sql) => deleteUser(sql, 'ann', change));
      expect(await find(1)).toBeUndefined();
      expect(await outcome(database.write((sql) => setRole(sql, 'root', 'viewer', change)))).toBe(
        'INVALID_PARAMETER_VALUE',
      );
    });

    test('of two administrators who delete each other at once, one stays', async () => {
      await using store = await open();
      const { database } = store;
      await user(database, 'a', 'admin');
      await user(database, 'b', 'admin');
      const outcomes = await Promise.all(
        ['a', 'b'].map((one) => outcome(database.write((sql) => deleteUser(sql, one, change)))),
      );
      expect(outcomes.toSorted()).toEqual(['INVALID_PARAMETER_VALUE', 'done']);
    });

    test('of many who set the server up at once, one does', async () => {
      await using store = await open();
      const { database } = store;
      const token = (await setupToken(database, 1)) ?? '';
      const names = Array.from({ length: 8 }, (_, n) => `u${n}`);
      const tokens = await Promise.all(
        names.map((username) =>
          setUp(database, { setupToken: token, username, password: undefined, now: 2 }),
        ),
      );
      expect(tokens.filter((one) => one !== undefined)).toHaveLength(1);
    });

    test('of many who bring the code of one sign-in, one gets what it is for', async () => {
      await using store = await open();
      const { database } = store;
      await user(database, 'ann');
      const begun = { kind: 'code', username: 'ann', challenge: 'c', data: 'd' } as const;
      const code = await database.write((sql) => beginSignIn(sql, begun, { now: 1, until: 10 }));
      const found = await Promise.all(
        Array.from({ length: 8 }, () => database.write((sql) => endSignIn(sql, 'code', code, 2))),
      );
      expect(found.filter((one) => one !== undefined)).toEqual([begun]);
      const late = await database.write((sql) => beginSignIn(sql, begun, { now: 1, until: 10 }));
      expect(await database.write((sql) => endSignIn(sql, 'provider', late, 2))).toBeUndefined();
      expect(await database.write((sql) => endSignIn(sql, 'code', late, 10))).toBeUndefined();
    });
  });
}

async function readableIds(database: Database, me: Identity): Promise<string[]> {
  const { experiments } = await database.read((sql) =>
    searchExperiments(sql, ALL, ROOT, readableBy(sql, me, 'experiment', 'e.experiment_id')),
  );
  return experiments.map(({ experiment_id }) => experiment_id);
}
