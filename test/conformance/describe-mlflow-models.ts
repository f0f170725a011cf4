import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/sql.ts';
import {
  deleteAlias,
  deleteVersion,
  deleteVersionTag,
  describeVersion,
  latestVersions,
  moveStage,
  readAlias,
  setAlias,
  setVersionTag,
} from '../../src/tracking/mlflow/model-versions.ts';
import {
  deleteModel,
  deleteModelTag,
  describeModel,
  readModel,
  renameModel,
  setModelTag,
} from '../../src/tracking/mlflow/registered-models.ts';
import { change, newModel, newVersion, type OpenStore, outcome, version } from './mlflow-store.ts';

const MISSING = 'RESOURCE_DOES_NOT_EXIST';
const INVALID = 'INVALID_PARAMETER_VALUE';

export function describeModels(name: string, open: () => Promise<OpenStore>): void {
  const alias = (database: Database, number: string, alias = 'champion', model = 'm'): Promise<void> =>
    database.write((sql) => setAlias(sql, model, alias, number, change));
  const stage = (database: Database, number: string, stage: string, archive = false): Promise<void> =>
    database.write((sql) => moveStage(sql, 'm', number, { stage, archive }, change));
  const remove = (database: Database, number: string): Promise<void> =>
    database.write((sql) => deleteVersion(sql, 'm', number, change));
  const audited = async (database: Database): Promise<string[]> => {
    const rows = await database.read((sql) => sql.all('SELECT * FROM audit ORDER BY id'));
    return rows.map((row) =>
      [row['actor'], row['at'], row['name'], row['action'], row['before'], row['after']].join(' '),
    );
  };

  describe(`${name}: registered models`, () => {
    test('a model is read as it was made and changed', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm', { tags: [{ key: 'k', value: 'v' }] });
      await database.write((sql) => describeModel(sql, 'm', 'what it is', change));
      await database.write((sql) => setModelTag(sql, 'm', { key: 'a', value: '' }, change));
      await newVersion(database, 'm', { at: 60 });
      await alias(database, '1');
      expect(await database.read((sql) => readModel(sql, 'm'))).toEqual({
        name: 'm',
        creation_timestamp: 10,
        last_updated_timestamp: 60,
        user_id: 'me',
        description: 'what it is',
        latest_versions: [await version(database, 'm', '1')],
        tags: [
          { key: 'a', value: '' },
          { key: 'k', value: 'v' },
        ],
        aliases: [{ alias: 'champion', version: '1' }],
      });
      await database.write((sql) => deleteModelTag(sql, 'm', 'a', change));
      expect((await database.read((sql) => readModel(sql, 'm'))).tags).toHaveLength(1);
    });

    test('names are unique, and tell case', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm');
      await newModel(database, 'M');
      expect(await outcome(newModel(database, 'm'))).toBe('RESOURCE_ALREADY_EXISTS');
      expect(await outcome(database.write((sql) => renameModel(sql, 'M', 'm', change)))).toBe(
        'RESOURCE_ALREADY_EXISTS',
      );
    });

    test.each(['', ' ', 'a/b', 'a:b', 'a%b', 'a\0', 'a\uD800', 'n'.repeat(257)])(
      'the name %j is refused, also in a rename',
      async (bad) => {
        await using store = await open();
        const { database } = store;
        await newModel(database, 'm');
        expect(await outcome(newModel(database, bad))).toMatch(
          /^(INVALID_PARAMETER_VALUE|REGISTRY_NAME_INVALID)$/,
        );
        expect(await outcome(database.write((sql) => renameModel(sql, 'm', bad, change)))).toMatch(
          /^(INVALID_PARAMETER_VALUE|REGISTRY_NAME_INVALID)$/,
        );
      },
    );

    test('a rename takes along versions, aliases and tags', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm', { tags: [{ key: 'k', value: 'v' }] });
      await newVersion(database, 'm', { tags: [{ key: 'of', value: 'version' }] });
      await alias(database, '1');
      await database.write((sql) => renameModel(sql, 'm', 'new', change));
      expect(await outcome(database.read((sql) => readModel(sql, 'm')))).toBe(MISSING);
      expect(await database.read((sql) => readModel(sql, 'new'))).toMatchObject({
        tags: [{ key: 'k', value: 'v' }],
        aliases: [{ alias: 'champion', version: '1' }],
        latest_versions: [
          { name: 'new', version: '1', tags: [{ key: 'of', value: 'version' }], aliases: ['champion'] },
        ],
      });
      expect(await newVersion(database, 'new')).toBe('2');
    });

    test('a model is deleted with all that belongs to it', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm', { tags: [{ key: 'k', value: 'v' }] });
      await newVersion(database, 'm', { tags: [{ key: 'k', value: 'v' }] });
      await alias(database, '1');
      await database.write((sql) => deleteModel(sql, 'm', change));
      expect(await outcome(database.read((sql) => readModel(sql, 'm')))).toBe(MISSING);
      expect(await outcome(version(database, 'm', '1'))).toBe(MISSING);
      await newModel(database, 'm');
      expect(await database.read((sql) => readModel(sql, 'm'))).toMatchObject({
        tags: [],
        aliases: [],
        latest_versions: [],
      });
    });

    test('what is not there cannot be changed', async () => {
      await using store = await open();
      const { database } = store;
      for (const write of [
        () => newVersion(database, 'm'),
        () => database.write((sql) => renameModel(sql, 'm', 'n', change)),
        () => database.write((sql) => describeModel(sql, 'm', '', change)),
        () => database.write((sql) => deleteModel(sql, 'm', change)),
        () => database.write((sql) => setModelTag(sql, 'm', { key: 'k', value: '' }, change)),
        () => database.write((sql) => deleteModelTag(sql, 'm', 'k', change)),
        () => database.write((sql) => deleteAlias(sql, 'm', 'a', change)),
        () => database.write((sql) => setVersionTag(sql, 'm', '1', { key: 'k', value: '' }, change)),
        () => alias(database, '1'),
        () => stage(database, '1', 'Staging'),
        () => remove(database, '1'),
        () => database.read((sql) => latestVersions(sql, 'm', [])),
        () => database.read((sql) => readAlias(sql, 'm', 'a')),
      ])
        expect(await outcome(write())).toBe(MISSING);
    });
  });

  describe(`${name}: model versions`, () => {
    test('a version is read as it was made and changed', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm');
      await newVersion(database, 'm', { runId: 'r', runLink: 'http://x', tags: [{ key: 'k', value: 'v' }] });
      await database.write((sql) => describeVersion(sql, 'm', '1', 'good', change));
      await database.write((sql) => setVersionTag(sql, 'm', '1', { key: 'a', value: 'b' }, change));
      await database.write((sql) => deleteVersionTag(sql, 'm', '1', 'k', change));
      expect(await version(database, 'm', '1')).toEqual({
        name: 'm',
        version: '1',
        creation_timestamp: 20,
        last_updated_timestamp: 50,
        user_id: 'me',
        current_stage: 'None',
        description: 'good',
        source: 's3://models/a',
        run_id: 'r',
        status: 'READY',
        tags: [{ key: 'a', value: 'b' }],
        run_link: 'http://x',
        aliases: [],
      });
      expect(await outcome(version(database, 'm', 'one'))).toBe(INVALID);
      expect(await outcome(version(database, 'm', '2'))).toBe(MISSING);
    });

    test.each([
      ['source', { source: 'a\0' }],
      ['source that is too long', { source: 's'.repeat(2001) }],
      ['description', { description: '\uD800' }],
      ['run', { runId: 'a\0' }],
      ['link', { runLink: '\uDFFF' }],
      ['tag', { tags: [{ key: 'k', value: '\0' }] }],
    ])('a bad %s is refused, and its number is not used', async (_, bad) => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm');
      expect(await outcome(newVersion(database, 'm', bad))).toBe(INVALID);
      expect(await newVersion(database, 'm')).toBe('1');
    });

    test('a number is never used again', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm');
      await newVersion(database, 'm');
      await newVersion(database, 'm');
      await remove(database, '2');
      expect(await outcome(version(database, 'm', '2'))).toBe(MISSING);
      expect(await outcome(remove(database, '2'))).toBe(MISSING);
      expect(await newVersion(database, 'm')).toBe('3');
    });

    test('a number is never used again for a name, whatever models have it one after another', async () => {
      await using store = await open();
      const { database } = store;
      const rename = (from: string, to: string): Promise<void> =>
        database.write((sql) => renameModel(sql, from, to, change));
      const drop = (name: string): Promise<void> => database.write((sql) => deleteModel(sql, name, change));
      await newModel(database, 'm');
      for (const _ of [1, 2, 3]) await newVersion(database, 'm');
      await remove(database, '3');
      await drop('m');
      await newModel(database, 'm');
      expect(await newVersion(database, 'm')).toBe('4');
      // A name that is given up for another is free too.
      await rename('m', 'n');
      expect(await newVersion(database, 'n')).toBe('5');
      await newModel(database, 'm');
      expect(await newVersion(database, 'm')).toBe('5');
      // Whoever comes to a name goes on with the greater number.
      await newModel(database, 'few');
      await newVersion(database, 'few');
      await drop('n');
      await rename('few', 'n');
      expect(await newVersion(database, 'n')).toBe('6');
      await rename('m', 'few');
      expect(await newVersion(database, 'few')).toBe('6');
      // A model that had no version leaves the numbers as they were.
      await newModel(database, 'm');
      await drop('m');
      await newModel(database, 'm');
      expect(await newVersion(database, 'm')).toBe('6');
    });

    test('a number is not used again by whoever makes a model while another of its name is deleted', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm');
      for (let round = 1; round <= 10; round += 1) {
        expect(await newVersion(database, 'm')).toBe(String(round));
        await Promise.all([
          database.write((sql) => deleteModel(sql, 'm', change)),
          outcome(newModel(database, 'm')),
        ]);
        await outcome(newModel(database, 'm'));
      }
    });

    test('latest is the alias of the newest, whatever its stage, that nobody sets', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm');
      const latest = async (): Promise<string> =>
        (await database.read((sql) => readAlias(sql, 'm', 'Latest'))).version;
      expect(await outcome(latest())).toBe(MISSING);
      for (const _ of [1, 2, 3]) await newVersion(database, 'm');
      await stage(database, '2', 'Staging');
      await remove(database, '3');
      expect(await latest()).toBe('2');
    });

    test('twenty that are made at once have twenty numbers', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm');
      const numbers = await Promise.all(Array.from({ length: 20 }, () => newVersion(database, 'm')));
      expect(numbers.map(Number).toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: 20 }, (_, n) => n + 1),
      );
    });

    test('an alias points to one version, and goes with it', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm');
      await newVersion(database, 'm');
      await newVersion(database, 'm');
      await alias(database, '1');
      await alias(database, '2');
      await alias(database, '2', 'Also');
      expect((await version(database, 'm', '2')).aliases).toEqual(['Also', 'champion']);
      expect((await database.read((sql) => readAlias(sql, 'm', 'champion'))).version).toBe('2');
      expect(await outcome(database.read((sql) => readAlias(sql, 'm', 'Champion')))).toBe(INVALID);
      await database.write((sql) => deleteAlias(sql, 'm', 'Also', change));
      await database.write((sql) => deleteAlias(sql, 'm', 'Also', change));
      await remove(database, '2');
      expect(await outcome(database.read((sql) => readAlias(sql, 'm', 'champion')))).toBe(INVALID);
      expect(await outcome(alias(database, '2'))).toBe(MISSING);
      for (const bad of ['latest', 'v1', 'a b', 'a\0', ''])
        expect(await outcome(alias(database, '1', bad))).toBe(INVALID);
    });

    test('an alias never points to a version that is deleted meanwhile', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm');
      for (let round = 1; round <= 10; round += 1) {
        const number = await newVersion(database, 'm');
        await Promise.all([outcome(alias(database, number)), remove(database, number)]);
        expect((await database.read((sql) => readModel(sql, 'm'))).aliases).toEqual([]);
      }
    });

    test('a move to a stage archives what is there, if asked', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm');
      for (const _ of [1, 2, 3]) await newVersion(database, 'm');
      const stages = async (): Promise<string[]> =>
        Promise.all(['1', '2', '3'].map(async (one) => (await version(database, 'm', one)).current_stage));
      await stage(database, '1', 'production');
      await stage(database, '2', 'Production');
      expect(await stages()).toEqual(['Production', 'Production', 'None']);
      await stage(database, '3', 'PRODUCTION', true);
      expect(await stages()).toEqual(['Archived', 'Archived', 'Production']);
      expect(await outcome(stage(database, '1', 'Archived', true))).toBe(INVALID);
      expect(await outcome(stage(database, '1', 'Live'))).toBe(INVALID);
      const latest = async (...of: string[]): Promise<string[]> =>
        (await database.read((sql) => latestVersions(sql, 'm', of))).map((one) => one.version);
      expect(await latest()).toEqual(['2', '3']);
      expect(await latest('archived')).toEqual(['2']);
      await remove(database, '2');
      expect(await latest('Archived', 'Staging')).toEqual(['1']);
    });

    test('of many that move to a stage and archive the rest at once, one is left there', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm');
      const numbers: string[] = [];
      for (let n = 0; n < 8; n += 1) numbers.push(await newVersion(database, 'm'));
      await Promise.all(numbers.map((number) => stage(database, number, 'Production', true)));
      const all = await Promise.all(numbers.map((number) => version(database, 'm', number)));
      expect(all.filter((one) => one.current_stage === 'Production')).toHaveLength(1);
    });

    test('every change is audited with what was there before, in its own transaction', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm');
      await newVersion(database, 'm');
      await alias(database, '1');
      await alias(database, '1');
      await stage(database, '1', 'Staging');
      await database.write((sql) => setVersionTag(sql, 'm', '1', { key: 'k', value: 'v' }, change));
      await database.write((sql) => deleteVersionTag(sql, 'm', '1', 'k', change));
      await database.write((sql) => describeVersion(sql, 'm', '1', 'good', change));
      await database.write((sql) => deleteAlias(sql, 'm', 'champion', change));
      await remove(database, '1');
      await database.write((sql) => renameModel(sql, 'm', 'n', change));
      await outcome(newModel(database, 'n'));
      await database.write((sql) => deleteModel(sql, 'n', change));
      expect(await audited(database)).toEqual([
        'me 10 m create  ',
        'me 20 m register  1',
        'me 50 m alias champion  1',
        'me 50 m stage of 1 None Staging',
        'me 50 m tag k of 1  v',
        'me 50 m tag k of 1 v ',
        'me 50 m description of 1  good',
        'me 50 m alias champion 1 ',
        'me 50 m delete version 1 ',
        'me 50 n rename m n',
        'me 50 n delete n ',
      ]);
    });
  });
}
