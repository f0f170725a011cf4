import { describe, expect, test } from 'vitest';
import { mlflowRows, mlflowTables } from '../rigs/mlflow-database.ts';
import type { ImportCase } from './describe-import.ts';

/** What `recipe server import` promises of the experiment that every database has, whatever databases are at its ends. */
export function describeDefaultImport(name: string, { open, source }: ImportCase): void {
  describe(`recipe server import of Default, ${name}`, () => {
    test('becomes what it is at the source, as long as nobody worked with it here', async () => {
      await using rig = await open();
      const address = await source(rig, mlflowTables('2.22'), mlflowRows('2.22', rig.dir), ...OWN_DEFAULT);
      for (const options of [['--dry-run'], [], []]) {
        const { exit, report } = await rig.import(address, ...options);
        expect([exit, report.experiments.there + report.experiments.imported]).toEqual([0, 3]);
      }
      expect(await rig.get('experiments/get?experiment_id=0')).toEqual({
        experiment: {
          experiment_id: '0',
          name: 'Default',
          artifact_location: 's3://bucket/0',
          lifecycle_stage: 'deleted',
          creation_time: 5,
          last_update_time: 6,
          tags: [{ key: 'of', value: 'all' }],
        },
      });
    });

    test.each([
      ['a run', 'runs/create', { experiment_id: '0' }],
      ['a tag', 'experiments/set-experiment-tag', { experiment_id: '0', key: 'of', value: 'all' }],
    ] as const)('stays what it is once it has %s, but for tags that it lacks', async (_, path, body) => {
      await using rig = await open();
      const read = async (): Promise<unknown> => rig.get('experiments/get?experiment_id=0');
      const before = await read();
      await rig.post(path, body);
      const address = await source(rig, mlflowTables('2.22'), mlflowRows('2.22', rig.dir), ...OWN_DEFAULT);
      const { exit, report } = await rig.import(address);
      expect([exit, report.findings[0]?.examples]).toEqual([
        1,
        ['the lifecycle stage of the experiment Default'],
      ]);
      expect(await read()).toEqual({
        experiment: { ...(before as { experiment: object }).experiment, tags: [{ key: 'of', value: 'all' }] },
      });
    });
  });
}

/** What a team may have done with `Default`. */
const OWN_DEFAULT = [
  `UPDATE experiments SET artifact_location = 's3://bucket/0', lifecycle_stage = 'deleted', last_update_time = 6
     WHERE experiment_id = 0`,
  `INSERT INTO experiment_tags VALUES ('of', 'all', 0)`,
];
