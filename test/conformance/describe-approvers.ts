import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/sql.ts';
import { createGroup, deleteGroup } from '../../src/tracking/access/groups.ts';
import { createUser, deleteUser } from '../../src/tracking/access/users.ts';
import { changesOf } from '../../src/tracking/mlflow/history.ts';
import { protect, protectionsOf } from '../../src/tracking/protection/protections.ts';
import { change, newModel, type OpenStore, outcome } from './mlflow-store.ts';

/** The model `m` where bob, eve and the group risk are known. */
async function modelOfTeam(database: Database): Promise<void> {
  await newModel(database, 'm');
  await database.write(async (sql) => {
    for (const name of ['bob', 'eve'])
      await createUser(sql, { name, role: 'member', passwordHash: undefined }, change);
    await createGroup(sql, { name: 'risk', role: undefined }, change);
  });
}

async function approvedBy(database: Database, ...approvers: string[]): Promise<void> {
  const protection = { alias: 'champion', requires: null, approvers };
  await database.write((sql) => protect(sql, 'm', protection, change));
}

async function approversOf(database: Database): Promise<readonly string[]> {
  return (await database.read((sql) => protectionsOf(sql, 'm'))).flatMap(({ approvers }) => approvers);
}

export function describeApprovers(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name}: who approves`, () => {
    test.each(['user:nobody', 'group:nogroup', 'group:bob', 'user:risk'])(
      '%s, who is not there, is refused where somebody signs in',
      async (stranger) => {
        await using store = await open();
        const { database } = store;
        await modelOfTeam(database);
        await expect(approvedBy(database, 'user:bob', stranger)).rejects.toThrow(
          `There is no ${stranger.replace(':', ' ')}`,
        );
        expect(await approversOf(database)).toEqual([]);
        await approvedBy(database, 'user:bob', 'group:risk');
        expect(await approversOf(database)).toEqual(['group:risk', 'user:bob']);
      },
    );

    test('alone is deleted by nobody, be it a user or a group', async () => {
      await using store = await open();
      const { database } = store;
      await modelOfTeam(database);
      await approvedBy(database, 'user:eve');
      await expect(database.write((sql) => deleteUser(sql, 'eve', change))).rejects.toThrow(
        'user:eve alone approves the alias champion of m: name another approver first, or end the protection.',
      );
      await approvedBy(database, 'group:risk');
      expect(await outcome(database.write((sql) => deleteGroup(sql, 'risk', change)))).toBe(
        'INVALID_PARAMETER_VALUE',
      );
      expect(await approversOf(database)).toEqual(['group:risk']);
      expect(await outcome(database.write((sql) => deleteUser(sql, 'eve', change)))).toBe('done');
    });

    test('and is deleted leaves the others, and the history of the model says so', async () => {
      await using store = await open();
      const { database } = store;
      await modelOfTeam(database);
      await approvedBy(database, 'user:eve', 'group:risk', 'user:bob');
      await database.write((sql) => deleteUser(sql, 'eve', change));
      await database.write((sql) => deleteGroup(sql, 'risk', change));
      const changes = await database.read((sql) => changesOf(sql, 'm'));
      expect(changes.slice(-2).map((row) => [row.action, row.before, row.after])).toEqual([
        [
          'protect champion',
          'approved by group:risk, user:bob, user:eve',
          'approved by group:risk, user:bob',
        ],
        ['protect champion', 'approved by group:risk, user:bob', 'approved by user:bob'],
      ]);
      expect(await approversOf(database)).toEqual(['user:bob']);
    });

    test('is left when two are deleted at once', async () => {
      await using store = await open();
      const { database } = store;
      await modelOfTeam(database);
      await approvedBy(database, 'user:bob', 'user:eve');
      const done = await Promise.all(
        ['bob', 'eve'].map((user) => outcome(database.write((sql) => deleteUser(sql, user, change)))),
      );
      expect(done.toSorted()).toEqual(['INVALID_PARAMETER_VALUE', 'done']);
      expect(await approversOf(database)).toHaveLength(1);
    });
  });
}
