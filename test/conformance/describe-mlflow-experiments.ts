import { describe, expect, test } from 'vitest';
import { EVERY_ROW } from '../../src/tracking/filter-sql.ts';
import {
  createExperiment,
  deleteExperimentTag,
  moveExperiment,
  readExperiment,
  readExperimentByName,
  renameExperiment,
  setExperimentTag,
} from '../../src/tracking/mlflow/experiments.ts';
import { type Search, searchExperiments } from '../../src/tracking/mlflow/search.ts';
import { ALL, found, newExperiment, newRun, type OpenStore, outcome, ROOT } from './mlflow-store.ts';

export function describeExperiments(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name}: experiments`, () => {
    test('the first one is Default, and is 0; the next is 1', async () => {
      await using store = await open();
      const { database } = store;
      expect(await database.read((sql) => readExperiment(sql, '0', ROOT))).toMatchObject({
        experiment_id: '0',
        name: 'Default',
        lifecycle_stage: 'active',
        artifact_location: 'mlflow-artifacts:/0',
      });
      expect(await newExperiment(database, 'a', { tags: [{ key: 'team', value: 'b' }] })).toBe('1');
      expect(await database.read((sql) => readExperimentByName(sql, 'a', ROOT))).toEqual({
        experiment_id: '1',
        name: 'a',
        artifact_location: 'mlflow-artifacts:/1',
        lifecycle_stage: 'active',
        creation_time: 10,
        last_update_time: 10,
        tags: [{ key: 'team', value: 'b' }],
      });
    });

    test('a name is unique, also against deleted ones and in a rename', async () => {
      await using store = await open();
      const { database } = store;
      const id = await newExperiment(database, 'a');
      await database.write((sql) => moveExperiment(sql, id, 'deleted', 11));
      const other = await newExperiment(database, 'A');
      expect(await outcome(newExperiment(database, 'a'))).toBe('RESOURCE_ALREADY_EXISTS');
      expect(await outcome(database.write((sql) => renameExperiment(sql, other, 'a', 12)))).toBe(
        'RESOURCE_ALREADY_EXISTS',
      );
      await database.write((sql) => renameExperiment(sql, other, 'A', 13));
      await database.write((sql) => renameExperiment(sql, other, 'b', 14));
      expect(await database.read((sql) => readExperimentByName(sql, 'A', ROOT))).toBeUndefined();
      expect(await database.read((sql) => readExperiment(sql, other, ROOT))).toMatchObject({
        name: 'b',
        last_update_time: 14,
      });
    });

    test('of many that create the same name at once, one does', async () => {
      await using store = await open();
      const all = await Promise.all(
        Array.from({ length: 20 }, () => outcome(newExperiment(store.database, 'same'))),
      );
      expect(Object.groupBy(all, (one) => one)).toEqual({
        done: ['done'],
        RESOURCE_ALREADY_EXISTS: Array.from({ length: 19 }, () => 'RESOURCE_ALREADY_EXISTS'),
      });
    });

    test('deleted with its runs, it takes no writes; restored with them, it does', async () => {
      await using store = await open();
      const { database } = store;
      const experimentId = await newExperiment(database, 'a');
      const move = (to: 'active' | 'deleted'): Promise<void> =>
        database.write((sql) => moveExperiment(sql, experimentId, to, 11));
      const tag = (): Promise<void> =>
        database.write((sql) => setExperimentTag(sql, experimentId, { key: 'k', value: 'v' }));
      await newRun(database, 'r1', { experimentId });
      await move('deleted');
      expect(await outcome(move('deleted'))).toBe('RESOURCE_DOES_NOT_EXIST');
      expect(await outcome(newRun(database, 'r2', { experimentId }))).toBe('INVALID_PARAMETER_VALUE');
      expect(await outcome(tag())).toBe('INVALID_PARAMETER_VALUE');
      expect(await outcome(database.write((sql) => renameExperiment(sql, experimentId, 'b', 12)))).toBe(
        'INVALID_PARAMETER_VALUE',
      );
      const stage = { view: 'DELETED_ONLY' } as const;
      expect(await found(database, "experiment = 'a'", stage)).toEqual([]);
      expect(await database.read((sql) => readExperiment(sql, experimentId, ROOT))).toMatchObject({
        lifecycle_stage: 'deleted',
      });
      await move('active');
      expect(await outcome(move('active'))).toBe('RESOURCE_DOES_NOT_EXIST');
      await tag();
      await newRun(database, 'r2', { experimentId });
    });

    test.each([
      ['blank', '  '],
      ['too long', 'n'.repeat(501)],
      ['with a NUL', 'a\0b'],
      ['with half a character', 'a\uD800'],
    ])('a name that is %s is refused', async (_, bad) => {
      await using store = await open();
      expect(await outcome(newExperiment(store.database, bad))).toBe('INVALID_PARAMETER_VALUE');
    });

    test.each([
      ['key', { key: 'a\0', value: '' }],
      ['key', { key: '../a', value: '' }],
      ['value', { key: 'a', value: '\0' }],
      ['value', { key: 'a', value: '\uDC00' }],
      ['value', { key: 'a', value: 'v'.repeat(20_001) }],
    ])('a tag with a bad %s is refused, and nothing of the experiment stays', async (_, tag) => {
      await using store = await open();
      const { database } = store;
      expect(await outcome(newExperiment(database, 'a', { tags: [tag] }))).toBe('INVALID_PARAMETER_VALUE');
      expect(await database.read((sql) => readExperimentByName(sql, 'a', ROOT))).toBeUndefined();
    });

    test('its tags are overwritten', async () => {
      await using store = await open();
      const { database } = store;
      const id = await newExperiment(database, 'a', { tags: [{ key: 'k', value: '1' }] });
      await database.write((sql) => setExperimentTag(sql, id, { key: 'k', value: '' }));
      await database.write((sql) => setExperimentTag(sql, id, { key: 'a', value: '東京 🍲' }));
      expect((await database.read((sql) => readExperiment(sql, id, ROOT))).tags).toEqual([
        { key: 'a', value: '東京 🍲' },
        { key: 'k', value: '' },
      ]);
    });

    test('a tag that is taken off is gone, and cannot be taken off again', async () => {
      await using store = await open();
      const { database } = store;
      const id = await newExperiment(database, 'a', { tags: [{ key: 'k', value: '1' }] });
      const off = (): Promise<void> => database.write((sql) => deleteExperimentTag(sql, id, 'k'));
      await off();
      expect((await database.read((sql) => readExperiment(sql, id, ROOT))).tags).toEqual([]);
      await expect(off()).rejects.toThrow(`No tag with name: k in experiment with id ${id}`);
      await database.write((sql) => moveExperiment(sql, id, 'deleted', 11));
      expect(await outcome(off())).toBe('INVALID_PARAMETER_VALUE');
    });

    test('it may say where its artifacts lie', async () => {
      await using store = await open();
      const { database } = store;
      const id = await database.write((sql) =>
        createExperiment(sql, { name: 'a', artifactLocation: 's3://bucket', tags: [] }, 1),
      );
      expect((await database.read((sql) => readExperiment(sql, id, ROOT))).artifact_location).toBe(
        's3://bucket',
      );
    });

    test.each(['99', 'abc', '999999999999999'])('%s is the id of none', async (id) => {
      await using store = await open();
      const { database } = store;
      expect(await outcome(database.read((sql) => readExperiment(sql, id, ROOT)))).toBe(
        'RESOURCE_DOES_NOT_EXIST',
      );
      expect(await outcome(database.write((sql) => moveExperiment(sql, id, 'deleted', 1)))).toBe(
        'RESOURCE_DOES_NOT_EXIST',
      );
      expect(await outcome(newRun(database, 'r', { experimentId: id }))).toBe('RESOURCE_DOES_NOT_EXIST');
    });

    test.each<[string, Partial<Search>, string]>([
      ['the last updated first', {}, 'éZab'],
      ['by name: by code point', { orderBy: ['name ASC'] }, 'Zabé'],
      ['by name, descending', { orderBy: ['name DESC'] }, 'ébaZ'],
      ['by time, then by what was said', { orderBy: ['creation_time', 'name DESC'] }, 'bZéa'],
      ['by a number that is none of the whole ones', { filter: 'creation_time > 20.5' }, 'éa'],
      ['by equal times', { filter: 'creation_time = 20' }, 'Z'],
      ['by a pattern', { filter: "name ILIKE 'z%'" }, 'Z'],
      ['by a pattern that means its case', { filter: "name LIKE 'z%'" }, ''],
      ['by a tag', { filter: "tags.team = 'A'" }, 'Z'],
      ['by a tag that is another', { filter: "tags.team != 'A'" }, 'b'],
      ['by a tag that is not there', { filter: 'tags.team IS NULL' }, 'éa'],
      ['by an id, which is a text', { filter: "experiment_id = '2'" }, 'a'],
      ['by other ids', { filter: "experiment_id NOT IN ('2', '3', 'none')" }, 'éb'],
      ['by ids as numbers, descending', { orderBy: ['experiment_id DESC'] }, 'éZab'],
      ['deleted ones', { view: 'DELETED_ONLY' }, 'x'],
      ['all', { view: 'ALL', orderBy: ['name'] }, 'Zabxé'],
    ])('a search finds them %s', async (_, search, names) => {
      await using store = await open();
      const { database } = store;
      await newExperiment(database, 'b', { at: 10, tags: [{ key: 'team', value: 'a' }] });
      await newExperiment(database, 'a', { at: 30 });
      await newExperiment(database, 'Z', { at: 20, tags: [{ key: 'team', value: 'A' }] });
      await newExperiment(database, 'é', { at: 30 });
      const gone = await newExperiment(database, 'x', { at: 40 });
      await database.write((sql) => moveExperiment(sql, gone, 'deleted', 41));
      // The order of those that were made is not that of their changes.
      const [b, a] = ['1', '2'];
      await database.write((sql) => renameExperiment(sql, a, 'a', 12));
      await database.write((sql) => renameExperiment(sql, b, 'b', 11));
      const { experiments } = await database.read((sql) =>
        searchExperiments(sql, { ...ALL, ...search }, ROOT, EVERY_ROW),
      );
      const found = experiments.map(({ name }) => name).filter((name) => name !== 'Default');
      expect(found.join('')).toBe(names);
    });

    test.each(['experiment_id = 1', "experiment_id > '1'", "experiment_id LIKE '1%'"])(
      '%s compares an id as what it is not',
      async (filter) => {
        await using store = await open();
        const search = store.database.read((sql) =>
          searchExperiments(sql, { ...ALL, filter }, ROOT, EVERY_ROW),
        );
        expect(await outcome(search)).toBe('FILTER_INVALID');
      },
    );

    test('a search goes through pages without gaps or doubles', async () => {
      await using store = await open();
      const { database } = store;
      const names = Array.from({ length: 6 }, (_, n) => `e${n}`);
      for (const name of names) await newExperiment(database, name, { at: 7 });
      const pages: string[][] = [];
      let pageToken: string | undefined;
      do {
        const page = await database.read((sql) =>
          searchExperiments(
            sql,
            { ...ALL, filter: "name LIKE 'e%'", maxResults: 3, pageToken },
            ROOT,
            EVERY_ROW,
          ),
        );
        pages.push(page.experiments.map(({ name }) => name));
        pageToken = page.next_page_token;
      } while (pageToken !== undefined);
      expect(pages).toEqual([
        ['e5', 'e4', 'e3'],
        ['e2', 'e1', 'e0'],
      ]);
    });
  });
}
