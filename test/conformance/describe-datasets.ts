import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/sql.ts';
import { EVERY_ROW } from '../../src/tracking/filter-sql.ts';
import { deleteRecords, readRecordsPage, upsertRecords } from '../../src/tracking/mlflow/dataset-records.ts';
import {
  addToExperiments,
  createDataset,
  deleteDataset,
  experimentsOfDataset,
  readDataset,
  removeFromExperiments,
  setDatasetTags,
} from '../../src/tracking/mlflow/evaluation-datasets.ts';
import { searchEvaluationDatasets } from '../../src/tracking/mlflow/search-evaluation-datasets.ts';
import { newExperiment, type OpenStore, outcome } from './mlflow-store.ts';

const ALL = { experimentIds: [], filter: '', orderBy: [], maxResults: 100, pageToken: undefined };

async function newDataset(database: Database, id: string, experimentIds = ['0']): Promise<void> {
  const dataset = { id, name: `set ${id}`, tags: [{ key: 'a', value: id }], experimentIds, at: 10 };
  await database.write((sql) => createDataset(sql, dataset));
}

export function describeDatasets(name: string, open: () => Promise<OpenStore>): void {
  const upsert = (database: Database, records: string, at = 20): ReturnType<typeof upsertRecords> => {
    let count = 0;
    const newId = (): string => `${at}-${(count += 1)}`;
    return database.write((sql) => upsertRecords(sql, 'd', records, { at, newId }));
  };
  const records = async (database: Database): Promise<string> =>
    (await database.read((sql) => readRecordsPage(sql, 'd', { maxResults: 100, pageToken: undefined })))
      .records;

  describe(`${name}: evaluation data sets`, () => {
    test('are read as they were made and changed', async () => {
      await using store = await open();
      const { database } = store;
      await newDataset(database, 'd');
      await upsert(database, '[{"inputs": {"q": "why"}, "tags": {"mlflow.user": "ann"}}]');
      await database.write((sql) => setDatasetTags(sql, 'd', [{ key: 'a', value: 'b' }]));
      expect(await database.read((sql) => readDataset(sql, 'd'))).toEqual({
        id: 'd',
        name: 'set d',
        tags: [{ key: 'a', value: 'b' }],
        schema: '{"inputs":{"q":"string"},"outputs":{},"expectations":{},"version":"1.0"}',
        profile: '{"num_records":1}',
        digest: expect.stringMatching(/^[0-9a-f]{8}$/),
        createdAt: 10,
        updatedAt: 20,
        createdBy: undefined,
        updatedBy: 'ann',
      });
      await database.write((sql) => deleteDataset(sql, 'd'));
      expect(await outcome(records(database))).toBe('RESOURCE_DOES_NOT_EXIST');
    });

    test('a record of the same inputs is joined to the one that is there', async () => {
      await using store = await open();
      const { database } = store;
      await newDataset(database, 'd');
      expect(
        await upsert(
          database,
          '[{"inputs": {"b": 1, "a": [1.0, 12345678901234567890]}, "outputs": "x", "expectations": {"e": 1}}]',
        ),
      ).toEqual({ inserted: 1, updated: 0 });
      expect(
        await upsert(
          database,
          '[{"inputs": {"a": [1.0, 12345678901234567890], "b": 1}, "expectations": {"f": 2}, "tags": {"k": "v"}}, {"inputs": {"b": 1.0}}, {"inputs": {"b": 1.0}, "outputs": null}]',
          30,
        ),
      ).toEqual({ inserted: 1, updated: 2 });
      expect(await records(database)).toBe(
        `[{"dataset_record_id":"dr-20-1","dataset_id":"d","inputs":{"b":1,"a":[1.0,12345678901234567890]},"outputs":"x","expectations":{"e":1,"f":2},"tags":{"k":"v"},"created_time":20,"last_update_time":30},{"dataset_record_id":"dr-30-1","dataset_id":"d","inputs":{"b":1.0},"tags":{},"created_time":30,"last_update_time":30}]`,
      );
      expect(await database.write((sql) => deleteRecords(sql, 'd', ['dr-20-1', 'none']))).toBe(1);
      expect((await database.read((sql) => readDataset(sql, 'd'))).profile).toBe('{"num_records":1}');
    });

    test('clients that send records at once lose none', async () => {
      await using store = await open();
      const { database } = store;
      await newDataset(database, 'd');
      const sent = Array.from({ length: 8 }, (_, index) =>
        upsert(database, `[{"inputs": {"n": ${index % 4}}, "expectations": {"e${index}": 1}}]`, 100 + index),
      );
      const counts = await Promise.all(sent);
      expect(counts.reduce((sum, { inserted }) => sum + inserted, 0)).toBe(4);
      const all = JSON.parse(await records(database)) as { expectations: object }[];
      expect(all.flatMap(({ expectations }) => Object.keys(expectations)).toSorted()).toEqual(
        Array.from({ length: 8 }, (_, index) => `e${index}`),
      );
    });

    test('are read page by page', async () => {
      await using store = await open();
      const { database } = store;
      await newDataset(database, 'd');
      await upsert(database, JSON.stringify(Array.from({ length: 5 }, (_, n) => ({ inputs: { n } }))));
      const seen: number[] = [];
      let pageToken: string | undefined;
      do {
        const page = await database.read((sql) => readRecordsPage(sql, 'd', { maxResults: 2, pageToken }));
        for (const { inputs } of JSON.parse(page.records) as { inputs: { n: number } }[]) seen.push(inputs.n);
        pageToken = page.token.next_page_token;
      } while (pageToken !== undefined);
      expect(seen).toEqual([0, 1, 2, 3, 4]);
    });

    test.each([
      ['', [], ['b', 'a']],
      ["name = 'set a'", [], ['a']],
      ["tags.a = 'b'", [], ['b']],
      ['created_time > 10', [], []],
      ['', ['name ASC'], ['a', 'b']],
    ])('are searched by %j in the order %j', async (filter, orderBy, wanted) => {
      await using store = await open();
      const { database } = store;
      for (const id of ['a', 'b']) await newDataset(database, id);
      const { datasets } = await database.read((sql) =>
        searchEvaluationDatasets(sql, { ...ALL, filter, orderBy }, EVERY_ROW),
      );
      expect(datasets.map(({ id }) => id)).toEqual(wanted);
    });

    test('belong to experiments, and are found by them', async () => {
      await using store = await open();
      const { database } = store;
      const other = await newExperiment(database, 'other');
      await newDataset(database, 'd', []);
      const found = async (id: string): Promise<number> => {
        const { datasets } = await database.read((sql) =>
          searchEvaluationDatasets(sql, { ...ALL, experimentIds: [id] }, EVERY_ROW),
        );
        return datasets.length;
      };
      expect(await found(other)).toBe(0);
      for (let time = 0; time < 2; time += 1)
        await database.write((sql) => addToExperiments(sql, 'd', ['0', other]));
      expect([await found(other), await database.read((sql) => experimentsOfDataset(sql, 'd'))]).toEqual([
        1,
        ['0', other],
      ]);
      await database.write((sql) => removeFromExperiments(sql, 'd', ['0', '77']));
      expect(await database.read((sql) => experimentsOfDataset(sql, 'd'))).toEqual([other]);
      expect(await outcome(database.write((sql) => addToExperiments(sql, 'd', ['77'])))).toBe(
        'RESOURCE_DOES_NOT_EXIST',
      );
    });

    test.each([
      ['no JSON', '[{'],
      ['no list', '{}'],
      ['inputs that are no map', '[{"inputs": 1}]'],
      ['expectations that are no map', '[{"expectations": [1]}]'],
      ['an unknown source', '[{"source": {"source_type": "CAT"}}]'],
      ['a NUL', '[{"inputs": {"a": "\\u0000"}}]'],
    ])('records with %s are refused', async (_, text) => {
      await using store = await open();
      await newDataset(store.database, 'd');
      expect(await outcome(upsert(store.database, text))).toBe('INVALID_PARAMETER_VALUE');
      expect(await records(store.database)).toBe('[]');
    });
  });
}
