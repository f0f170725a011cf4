import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/sql.ts';
import { EVERY_ROW } from '../../src/tracking/filter-sql.ts';
import { deleteVersion } from '../../src/tracking/mlflow/model-versions.ts';
import type { PageRequest } from '../../src/tracking/mlflow/page.ts';
import { searchModels, searchVersions } from '../../src/tracking/mlflow/search-registry.ts';
import { change, newModel, newVersion, type OpenStore, outcome } from './mlflow-store.ts';

const ALL: PageRequest = { filter: '', maxResults: 100, orderBy: [], pageToken: undefined };
const PROMPT = { key: 'mlflow.prompt.is_prompt', value: 'true' };
const TAG = 'tags.`mlflow.prompt.is_prompt`';

export function describeRegistrySearch(name: string, open: () => Promise<OpenStore>): void {
  const models = async (database: Database, search: Partial<PageRequest>): Promise<string[]> =>
    (await database.read((sql) => searchModels(sql, { ...ALL, ...search }, EVERY_ROW))).registered_models.map(
      ({ name }) => name,
    );
  const versions = async (database: Database, search: Partial<PageRequest>): Promise<string[]> =>
    (await database.read((sql) => searchVersions(sql, { ...ALL, ...search }, EVERY_ROW))).model_versions.map(
      ({ name, version }) => `${name}${version}`,
    );

  describe(`${name}: a search of the registry`, () => {
    test.each([
      ['', 'Bacé'],
      ["name = 'a'", 'a'],
      ["name != 'a'", 'Bcé'],
      ["name LIKE 'b%'", ''],
      ["name ILIKE 'b%'", 'B'],
      ["name ILIKE 'É'", ''],
      ["tags.team = 'x'", 'B'],
      ["tags.team != 'x'", 'a'],
      ['tags.team IS NULL', 'cé'],
      ['creation_timestamp >= 30', 'cé'],
      ['creation_timestamp > 29.5', 'cé'],
      // Prompts are hidden unless they are asked for.
      [`${TAG} = 'true'`, 'p'],
      [`${TAG} ILIKE 'TRUE'`, 'p'],
      [`${TAG} IS NOT NULL`, 'cp'],
      // What clients say for "no prompts" finds models without the tag too.
      [`${TAG} != 'true'`, 'Bacé'],
      [`${TAG} = 'false'`, 'Bacé'],
      [`${TAG} <> 'true' AND name = 'a'`, 'a'],
      [`name ILIKE 'B%' AND ${TAG} != 'true'`, 'B'],
      [`${TAG} = 'true' AND ${TAG} != 'true'`, ''],
      ["source = 'x'", 'FILTER_INVALID'],
    ])('models: %s', async (filter, names) => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'c', { at: 30, tags: [{ key: PROMPT.key, value: 'false' }] });
      await newModel(database, 'a', { at: 10, tags: [{ key: 'team', value: 'X' }] });
      await newModel(database, 'B', { at: 20, tags: [{ key: 'team', value: 'x' }] });
      await newModel(database, 'é', { at: 40 });
      await newModel(database, 'p', { at: 5, tags: [PROMPT] });
      const work = models(database, { filter });
      if (names === 'FILTER_INVALID') expect(await outcome(work)).toBe(names);
      else expect((await work).join('')).toBe(names);
    });

    test.each([
      [[], 'Bac'],
      [['name DESC'], 'caB'],
      [['last_updated_timestamp DESC', 'name'], 'Bca'],
      [['timestamp'], 'acB'],
      [['creation_timestamp'], 'cBa'],
    ])('models ordered by %j', async (orderBy, names) => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'c', { at: 1 });
      await newModel(database, 'B', { at: 2 });
      await newModel(database, 'a', { at: 3 });
      await newVersion(database, 'a', { at: 10 });
      await newVersion(database, 'c', { at: 20 });
      await newVersion(database, 'B', { at: 30 });
      expect((await models(database, { orderBy })).join('')).toBe(names);
    });

    test.each([
      ['', 'b1 a3 a1'],
      ["name = 'a'", 'a3 a1'],
      ['version_number > 1', 'a3'],
      ["run_id = 'r1'", 'a1'],
      ["run_id IN ('r1', 'r3')", 'a3 a1'],
      ["source_path LIKE 's3://A%'", ''],
      ["source_path ILIKE 'S3://A%'", 'a1'],
      ["tags.k = 'v'", 'a3'],
      ["tags.k != 'v'", ''],
      [`${TAG} = 'true'`, 'p1'],
      [`${TAG} != 'true'`, 'b1 a3 a1'],
    ])('versions: %s', async (filter, names) => {
      await using store = await open();
      const { database } = store;
      for (const name of ['a', 'b', 'p']) await newModel(database, name);
      await newVersion(database, 'a', { runId: 'r1', source: 's3://a', at: 20 });
      await newVersion(database, 'a', { runId: 'r2', at: 21 });
      await newVersion(database, 'a', {
        runId: 'r3',
        source: 's3://b',
        at: 22,
        tags: [{ key: 'k', value: 'v' }],
      });
      await newVersion(database, 'b', { source: 's3://b', at: 30 });
      await newVersion(database, 'p', { source: 's3://b', at: 40, tags: [PROMPT] });
      await database.write((sql) => deleteVersion(sql, 'a', '2', change));
      expect((await versions(database, { filter })).join(' ')).toBe(names);
    });

    test('goes through pages without gaps or doubles; the last has no token', async () => {
      await using store = await open();
      const { database } = store;
      for (let n = 0; n < 6; n += 1) await newModel(database, `m${n}`);
      for (let n = 0; n < 6; n += 1) await newVersion(database, 'm1');
      type Page = { readonly names: string[]; readonly next: string | undefined };
      const modelPage = async (pageToken: string | undefined): Promise<Page> => {
        const page = await database.read((sql) =>
          searchModels(sql, { ...ALL, maxResults: 2, pageToken }, EVERY_ROW),
        );
        return { names: page.registered_models.map(({ name }) => name), next: page.next_page_token };
      };
      const versionPage = async (pageToken: string | undefined): Promise<Page> => {
        const page = await database.read((sql) =>
          searchVersions(sql, { ...ALL, maxResults: 2, pageToken }, EVERY_ROW),
        );
        return { names: page.model_versions.map(({ version }) => version), next: page.next_page_token };
      };
      const pages: string[][] = [];
      for (const read of [modelPage, versionPage]) {
        let token: string | undefined;
        do {
          const { names, next } = await read(token);
          pages.push(names);
          token = next;
        } while (token !== undefined);
      }
      expect(pages).toEqual([
        ['m0', 'm1'],
        ['m2', 'm3'],
        ['m4', 'm5'],
        ['6', '5'],
        ['4', '3'],
        ['2', '1'],
      ]);
    });

    test.each([0, -1, 1001])('refuses pages of %d', async (maxResults) => {
      await using store = await open();
      expect(await outcome(models(store.database, { maxResults }))).toBe('INVALID_PARAMETER_VALUE');
      if (maxResults < 1)
        expect(await outcome(versions(store.database, { maxResults }))).toBe('INVALID_PARAMETER_VALUE');
    });
  });
}
