import { describe, expect, test } from 'vitest';
import { logInputs, logParam, setTag } from '../../src/tracking/mlflow/log.ts';
import { log, newExperiment, newRun, type OpenStore, points, read } from './mlflow-store.ts';

export function describeLongValues(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name}: long keys and values of runs`, () => {
    test('longer values are cut, as MLflow cuts them', async () => {
      await using store = await open();
      const { database } = store;
      await newRun(database, 'r', { tags: [{ key: 'made', value: '🍲'.repeat(8001) }] });
      const param = { key: 'p', value: '🍲'.repeat(6001) };
      const batch = { params: [param], tags: [{ key: 't', value: '東'.repeat(8001) }] };
      await log(database, 'r', batch);
      // The same again is the same, cut or not.
      await log(database, 'r', batch);
      await database.write((sql) => logParam(sql, 'r', param));
      await database.write((sql) => setTag(sql, 'r', { key: 's', value: 'v'.repeat(9000) }));
      const { data } = await read(database, 'r');
      expect(data.params).toEqual([{ key: 'p', value: '🍲'.repeat(6000) }]);
      expect(data.tags).toEqual([
        { key: 'made', value: '🍲'.repeat(8000) },
        { key: 'mlflow.runName', value: 'some' },
        { key: 's', value: 'v'.repeat(8000) },
        { key: 't', value: '東'.repeat(8000) },
      ]);
    });

    test('the longest keys and values are taken as they are', async () => {
      await using store = await open();
      const { database } = store;
      await newRun(database, 'r');
      const key = `${'k/'.repeat(124)}kk`;
      const tag = { key: 'mlflow.parentRunId', value: '東'.repeat(8000) };
      const param = { key, value: '🍲'.repeat(3000) };
      await log(database, 'r', { params: [param], tags: [tag], metrics: points([key, 1]).metrics });
      const { data } = await read(database, 'r');
      expect([data.params, data.tags[0]]).toEqual([[param], tag]);
      // No two characters are the same: an index could not make it shorter.
      const long = (length: number, from: number): string =>
        Array.from({ length }, (_, n) => String.fromCodePoint(from + n)).join('');
      const dataset = { name: long(500, 0x4e00), digest: long(36, 0x5e00), source_type: 'a', source: '{}' };
      const tags = [
        { key: 'mlflow.data.context', value: long(500, 0x6e00) },
        { key: long(255, 0x7e00), value: long(500, 0x8e00) },
      ];
      const inputs = [{ dataset, tags }];
      await database.write((sql) => logInputs(sql, 'r', inputs));
      expect((await read(database, 'r')).inputs.dataset_inputs).toEqual(inputs);
      expect(await newExperiment(database, long(500, 0x4e00))).toBe('1');
    });
  });
}
