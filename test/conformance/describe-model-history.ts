import { describe, expect, test } from 'vitest';
import type { Digest } from '../../src/core/ids.ts';
import type { Database } from '../../src/db/sql.ts';
import { promote } from '../../src/engine/promotion.ts';
import type { Registry } from '../../src/engine/registry-port.ts';
import { grant, revoke } from '../../src/tracking/access/grants.ts';
import { changesOf } from '../../src/tracking/mlflow/history.ts';
import { deleteAlias, deleteVersion, moveStage, setAlias } from '../../src/tracking/mlflow/model-versions.ts';
import {
  deleteModel,
  deleteModelTag,
  describeModel,
  renameModel,
  setModelTag,
} from '../../src/tracking/mlflow/registered-models.ts';
import { SqlRegistry } from '../../src/tracking/sql-registry.ts';
import { change, newModel, newVersion, type OpenStore } from './mlflow-store.ts';

export function describeModelHistory(name: string, open: () => Promise<OpenStore>): void {
  const history = async (database: Database, model: string): Promise<string[]> =>
    (await database.read((sql) => changesOf(sql, model))).map(({ action, before, after }) =>
      [action, before ?? '-', after ?? '-'].join(' '),
    );
  const alias = (database: Database, model: string, version: string): Promise<void> =>
    database.write((sql) => setAlias(sql, model, 'champion', version, change));
  const rename = (database: Database, from: string, to: string): Promise<void> =>
    database.write((sql) => renameModel(sql, from, to, change));
  const drop = (database: Database, model: string): Promise<void> =>
    database.write((sql) => deleteModel(sql, model, change));

  describe(`${name}: the history of a model`, () => {
    test('has tags, descriptions and grants of the model itself, with what was there before', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm');
      await database.write(async (sql) => {
        for (const value of ['true', 'true', 'false'])
          await setModelTag(sql, 'm', { key: 'mlflow.prompt.is_prompt', value }, change);
        for (const _ of [1, 2]) await deleteModelTag(sql, 'm', 'mlflow.prompt.is_prompt', change);
        await describeModel(sql, 'm', 'first', change);
        await describeModel(sql, 'm', 'second', change);
        const on = { kind: 'model', name: 'm' } as const;
        await grant(sql, on, { principal: 'everyone', permission: 'READ' }, change);
        await revoke(sql, on, 'everyone', change);
      });
      expect(await history(database, 'm')).toEqual([
        'create - -',
        'tag mlflow.prompt.is_prompt - true',
        'tag mlflow.prompt.is_prompt true false',
        'tag mlflow.prompt.is_prompt false -',
        'description - first',
        'description first second',
        'grant everyone - READ',
        'grant everyone READ -',
      ]);
    });

    test('has each version that a move to a stage archives, and each alias that goes with a version', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm');
      for (const _ of [1, 2, 3]) await newVersion(database, 'm');
      await database.write(async (sql) => {
        for (const version of ['1', '2'])
          await moveStage(sql, 'm', version, { stage: 'Staging', archive: false }, change);
        await moveStage(sql, 'm', '3', { stage: 'Staging', archive: true }, change);
        for (const one of ['a', 'b']) await setAlias(sql, 'm', one, '3', change);
        await deleteVersion(sql, 'm', '3', change);
      });
      expect((await history(database, 'm')).slice(6)).toEqual([
        'stage of 1 Staging Archived',
        'stage of 2 Staging Archived',
        'stage of 3 None Staging',
        'alias a - 3',
        'alias b - 3',
        'alias a 3 -',
        'alias b 3 -',
        'delete version 3 -',
      ]);
    });

    test('goes on under another name, and is not that of who takes the old one', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'a');
      await newVersion(database, 'a');
      await rename(database, 'a', 'b');
      await newModel(database, 'a');
      await newVersion(database, 'a');
      await alias(database, 'b', '1');
      await rename(database, 'b', 'c');
      await newModel(database, 'b');
      expect(await history(database, 'c')).toEqual([
        'create - -',
        'register - 1',
        'rename a b',
        'alias champion - 1',
        'rename b c',
      ]);
      expect(await history(database, 'a')).toEqual(['rename a b', 'create - -', 'register - 2']);
      expect(await history(database, 'b')).toEqual(['rename b c', 'create - -']);
      // There and back again it is the same model.
      await drop(database, 'a');
      await rename(database, 'c', 'a');
      expect((await history(database, 'a')).slice(-2)).toEqual(['rename b c', 'rename c a']);
      expect(await history(database, 'a')).toHaveLength(6);
    });

    test('begins with how its name came free, and tells no more of who had it before', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm');
      await newVersion(database, 'm');
      await alias(database, 'm', '1');
      await drop(database, 'm');
      const ended = ['create - -', 'register - 1', 'alias champion - 1', 'delete m -'];
      expect(await history(database, 'm')).toEqual(ended);
      await newModel(database, 'm');
      await newVersion(database, 'm');
      expect(await history(database, 'm')).toEqual(['delete m -', 'create - -', 'register - 2']);
      await rename(database, 'm', 'n');
      expect(await history(database, 'm')).toEqual([
        'delete m -',
        'create - -',
        'register - 2',
        'rename m n',
      ]);
      expect(await history(database, 'none')).toEqual([]);
    });
  });

  describe(`${name}: a version that was judged REJECTED`, () => {
    const registryOf = (database: Database): Registry =>
      new SqlRegistry(database, { now: () => 50, actor: 'me', pins: { keep: async () => {} } });
    const rejected = async (registry: Registry, model: string): Promise<() => Promise<unknown>> => {
      const { version } = await registry.register({
        name: model,
        modelDigest: 'a'.repeat(64) as Digest,
        modelSize: 1,
        tags: { 'stockpot.verdict': 'REJECTED' },
      });
      return () => promote(registry, version, 'champion');
    };

    test('is not promoted because one of a deleted model was, whatever it is called', async () => {
      await using store = await open();
      const { database } = store;
      const registry = registryOf(database);
      for (const model of ['m', 'n']) {
        await newModel(database, model);
        await newVersion(database, model);
        await alias(database, model, '1');
        await drop(database, model);
      }
      await expect((await rejected(registry, 'm'))()).rejects.toMatchObject({ code: 'MODEL_REJECTED' });
      await rejected(registry, 'other');
      await rename(database, 'other', 'n');
      const version = await registry.find('n', { version: '1' });
      if (version === undefined) throw new Error('the version is gone');
      await expect(promote(registry, version, 'champion')).rejects.toMatchObject({ code: 'MODEL_REJECTED' });
    });

    test('comes back to where it was before its model had another name', async () => {
      await using store = await open();
      const { database } = store;
      const registry = registryOf(database);
      await rejected(registry, 'm');
      await alias(database, 'm', '1');
      await database.write((sql) => deleteAlias(sql, 'm', 'champion', change));
      await rename(database, 'm', 'n');
      const version = await registry.find('n', { version: '1' });
      if (version === undefined) throw new Error('the version is gone');
      expect(await promote(registry, version, 'champion')).toMatchObject({ before: undefined });
      expect((await registry.find('n', { alias: 'champion' }))?.version).toBe('1');
    });
  });
}
