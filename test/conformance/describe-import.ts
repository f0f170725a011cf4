import { describe, expect, test } from 'vitest';
import type { ImportRig } from '../rigs/import-rig.ts';
import { DELETED_RUN, FIRST_RUN, LOGGED_MODEL, mlflowRows, mlflowTables } from '../rigs/mlflow-database.ts';

export interface ImportCase {
  /** A project whose tracking database is new. */
  readonly open: () => Promise<ImportRig>;
  /** A new database of MLflow's, made by these statements; its address. */
  readonly source: (rig: ImportRig, ...statements: string[]) => Promise<string>;
}

/** What `recipe server import` promises, whatever databases are at its ends. */
export function describeImport(name: string, { open, source }: ImportCase): void {
  describe(`recipe server import, ${name}`, () => {
    test('brings all that MLflow 2 keeps, with its ids and files', async () => {
      await using rig = await open();
      rig.write(`files/3/${FIRST_RUN}/artifacts/model/MLmodel`, 'flavors: {}');
      rig.write(`files/3/${FIRST_RUN}/artifacts/notes/größe.txt`, 'hello');
      rig.write('files/3/traces/tr-1/artifacts/traces.json', '{"spans": []}');
      const address = await source(rig, mlflowTables('2.22'), mlflowRows('2.22', rig.dir));
      const { exit, report } = await rig.import(address, '--artifacts', 'files');
      expect([exit, report]).toEqual([
        0,
        {
          format: 'database, revision 0584bdc529eb',
          isDryRun: false,
          experiments: { imported: 2, there: 1, conflicts: 0 },
          runs: { imported: 2, there: 0, conflicts: 0 },
          loggedModels: { imported: 0, there: 0, conflicts: 0 },
          traces: { imported: 1, there: 0, conflicts: 0 },
          assessments: { imported: 0, there: 0, conflicts: 0 },
          registeredModels: { imported: 1, there: 0, conflicts: 0 },
          versions: { imported: 3, there: 0, conflicts: 0 },
          datasets: 1,
          metrics: 4,
          files: 3,
          mapped: [],
          findings: [],
          leftOut: [],
        },
      ]);
      expect(await rig.get('experiments/get?experiment_id=3')).toMatchObject({
        experiment: {
          name: 'flights',
          artifact_location: 'mlflow-artifacts:/3',
          creation_time: 10,
          last_update_time: 20,
          tags: [{ key: 'team', value: 'blue' }],
        },
      });
      expect(await rig.get('experiments/get?experiment_id=7')).toMatchObject({
        experiment: { lifecycle_stage: 'deleted', artifact_location: 's3://bucket/7' },
      });
      const root = `3/${FIRST_RUN}/artifacts`;
      expect(await rig.get(`runs/get?run_id=${FIRST_RUN}`)).toEqual({
        run: {
          info: {
            run_id: FIRST_RUN,
            run_uuid: FIRST_RUN,
            run_name: 'first',
            experiment_id: '3',
            user_id: 'ann',
            status: 'FINISHED',
            start_time: 100,
            end_time: 200,
            artifact_uri: `mlflow-artifacts:/${root}`,
            lifecycle_stage: 'active',
          },
          data: {
            metrics: [
              { key: 'auc', value: 0.75, timestamp: 120, step: 1 },
              { key: 'inf', value: Number.MAX_VALUE, timestamp: 110, step: 0 },
              { key: 'nan', value: 'NaN', timestamp: 110, step: 0 },
            ],
            params: [
              { key: 'depth', value: '3' },
              { key: 'lr', value: '0.1' },
            ],
            tags: [
              { key: 'mlflow.runName', value: 'first' },
              { key: 'note', value: 'größer' },
            ],
          },
          inputs: {
            dataset_inputs: [
              {
                dataset: {
                  name: 'train',
                  digest: 'abc',
                  source_type: 'local',
                  source: '{"uri": "train.csv"}',
                  profile: '{"rows": 2}',
                },
                tags: [
                  { key: 'mlflow.data.context', value: 'training' },
                  { key: 'extra', value: 'yes' },
                ],
              },
            ],
          },
        },
      });
      expect(await rig.get(`metrics/get-history?run_id=${FIRST_RUN}&metric_key=auc`)).toMatchObject({
        metrics: [
          { value: 0.5, timestamp: 110, step: 0 },
          { value: 0.75, timestamp: 120, step: 1 },
        ],
      });
      expect(await rig.get(`runs/get?run_id=${DELETED_RUN}`)).toMatchObject({
        run: { info: { lifecycle_stage: 'deleted', status: 'FAILED', experiment_id: '7' } },
      });
      expect(await rig.file(`${root}/notes/gr%C3%B6%C3%9Fe.txt`)).toBe('hello');
      expect(await rig.get('registered-models/get?name=clf')).toMatchObject({
        registered_model: {
          creation_timestamp: 40,
          description: 'a classifier',
          tags: [{ key: 'team', value: 'blue' }],
          aliases: [{ alias: 'champion', version: '1' }],
          latest_versions: [
            {
              version: '1',
              current_stage: 'Production',
              source: `mlflow-artifacts:/${root}/model`,
              run_id: FIRST_RUN,
              user_id: 'ann',
              description: 'good',
              creation_timestamp: 41,
              tags: [{ key: 'ok', value: 'yes' }],
            },
            { version: '2', current_stage: 'None', source: 's3://bucket/model' },
          ],
        },
      });
      expect((await rig.dump())['model_versions']?.[0]).toMatchObject({
        model_digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
      // The number of the deleted version is not used again, nor is that of an experiment.
      expect(await rig.post('model-versions/create', { name: 'clf', source: 's3://bucket/x' })).toMatchObject(
        { model_version: { version: '4' } },
      );
      expect(await rig.post('experiments/create', { name: 'next' })).toEqual({ experiment_id: '8' });
      expect(await rig.get('traces/tr-1/info')).toMatchObject({
        trace_info: {
          experiment_id: '3',
          timestamp_ms: 150,
          execution_time_ms: 25,
          request_metadata: [{ key: 'mlflow.sourceRun', value: FIRST_RUN }],
          tags: [
            { key: 'mlflow.artifactLocation', value: 'mlflow-artifacts:/3/traces/tr-1/artifacts' },
            { key: 'mlflow.traceName', value: 'predict' },
          ],
        },
      });
      expect(await rig.file('3/traces/tr-1/artifacts/traces.json')).toBe('{"spans": []}');
    });

    test('and what MLflow 3 keeps beside: logged models, and spans in the database', async () => {
      await using rig = await open();
      rig.write(`files/3/models/${LOGGED_MODEL}/artifacts/MLmodel`, 'flavors: {}');
      const address = await source(rig, mlflowTables('3.17'), mlflowRows('3.17', rig.dir));
      const { exit, report } = await rig.import(address, '--artifacts', 'files');
      expect([exit, report.loggedModels.imported, report.leftOut, report.findings]).toEqual([
        0,
        1,
        [],
        [
          {
            kind: 'skipped',
            problem: 'assessment that MLflow itself could not read',
            count: 1,
            examples: ['a-4'],
          },
        ],
      ]);
      expect(
        (await rig.dump())['assessments']?.map((row) => [
          row['assessment_id'],
          row['kind'],
          row['value'],
          row['source_id'],
          row['overrides'],
          row['valid'],
          row['created_time'],
          row['metadata'],
        ]),
      ).toEqual([
        ['a-1', 'feedback', 'false', 'judge', null, 0, 160, '{"k":"v"}'],
        ['a-2', 'feedback', 'true', 'ann', 'a-1', 1, 170, '{}'],
        ['a-3', 'expectation', '["a",1.5]', null, null, 1, 180, '{}'],
      ]);
      expect(await rig.get(`logged-models/${LOGGED_MODEL}`)).toMatchObject({
        model: {
          info: {
            name: 'model',
            status: 'LOGGED_MODEL_READY',
            source_run_id: FIRST_RUN,
            artifact_uri: `mlflow-artifacts:/3/models/${LOGGED_MODEL}/artifacts`,
            tags: [{ key: 'a', value: 'b' }],
          },
          data: {
            params: [{ key: 'lr', value: '0.1' }],
            metrics: [
              {
                key: 'auc',
                value: 0.75,
                step: 1,
                dataset_name: 'train',
                dataset_digest: 'abc',
                run_id: FIRST_RUN,
              },
              { key: 'nan', value: 'NaN', run_id: FIRST_RUN },
            ],
          },
        },
      });
      expect(await rig.get(`runs/get?run_id=${FIRST_RUN}`)).toMatchObject({
        run: { outputs: { model_outputs: [{ model_id: LOGGED_MODEL, step: 4 }] } },
      });
      expect(await rig.get('model-versions/get?name=clf&version=1')).toMatchObject({
        model_version: { source: `mlflow-artifacts:/3/models/${LOGGED_MODEL}/artifacts` },
      });
      expect(JSON.parse(String(await rig.file('3/traces/tr-1/artifacts/traces.json')))).toEqual({
        spans: [{ name: 'predict' }, { name: 'inner', x: 'a\uFFFDb' }],
      });
    });

    test('again changes nothing; --dry-run writes nothing', async () => {
      await using rig = await open();
      rig.write(`files/3/${FIRST_RUN}/artifacts/a.txt`, 'a');
      const address = await source(rig, mlflowTables('3.17'), mlflowRows('3.17', rig.dir));
      const empty = await rig.dump();
      const { report: planned } = await rig.import(address, '--dry-run');
      expect(await rig.dump()).toEqual(empty);
      const { report: first } = await rig.import(address, '--artifacts', 'files');
      expect([planned.experiments, planned.runs, planned.versions]).toEqual([
        first.experiments,
        first.runs,
        first.versions,
      ]);
      const before = await rig.dump();
      const { exit, report } = await rig.import(address, '--artifacts', 'files');
      expect([exit, report.runs, report.metrics, report.files]).toEqual([
        0,
        { imported: 0, there: 2, conflicts: 0 },
        0,
        0,
      ]);
      expect(await rig.dump()).toEqual(before);
    });

    test('gives another number to an experiment whose own is taken, and joins those of one name', async () => {
      await using rig = await open();
      await rig.post('experiments/create', { name: 'one' });
      await rig.post('experiments/create', { name: 'flights', tags: [{ key: 'here', value: 'yes' }] });
      await rig.run(
        `INSERT INTO experiments (experiment_id, name, creation_time, last_update_time) VALUES (7, 'seven', 1, 1)`,
      );
      const address = await source(rig, mlflowTables('2.22'), mlflowRows('2.22', rig.dir));
      const { exit, report } = await rig.import(address);
      expect([exit, report.mapped]).toEqual([
        0,
        [
          { name: 'flights', from: '3', to: '2' },
          { name: 'old', from: '7', to: '8' },
        ],
      ]);
      expect(await rig.get(`runs/get?run_id=${FIRST_RUN}`)).toMatchObject({
        run: {
          info: { experiment_id: '2', artifact_uri: `mlflow-artifacts:/2/${FIRST_RUN}/artifacts` },
          inputs: { dataset_inputs: [{ dataset: { name: 'train' } }] },
        },
      });
      expect(await rig.get('experiments/get?experiment_id=2')).toMatchObject({
        experiment: {
          tags: [
            { key: 'here', value: 'yes' },
            { key: 'team', value: 'blue' },
          ],
        },
      });
      const before = await rig.dump();
      expect((await rig.import(address)).report.mapped).toEqual(report.mapped);
      expect(await rig.dump()).toEqual(before);
    });

    test('reports what is another here, leaves it, and exits 1', async () => {
      await using rig = await open();
      const address = await source(rig, mlflowTables('2.22'), mlflowRows('2.22', rig.dir));
      await rig.import(address);
      await rig.post('runs/set-tag', { run_id: FIRST_RUN, key: 'note', value: 'mine' });
      await rig.post('registered-models/alias', { name: 'clf', alias: 'champion', version: '2' });
      const before = await rig.dump();
      const { exit, report } = await rig.import(address);
      expect([exit, report.runs.conflicts]).toEqual([1, 1]);
      expect(report.findings.filter(({ kind }) => kind === 'conflict')).toMatchObject([
        { problem: 'a run of the same id is another here', examples: [`${FIRST_RUN}: tag note`] },
        { examples: ['clf@champion'] },
      ]);
      expect(await rig.dump()).toEqual(before);
    });

    test('gives no number of a model that was deleted here to another version', async () => {
      await using rig = await open();
      await rig.post('registered-models/create', { name: 'clf' });
      await rig.post('model-versions/create', { name: 'clf', source: 's3://bucket/x' });
      await rig.delete('registered-models/delete', { name: 'clf' });
      const address = await source(rig, mlflowTables('2.22'), mlflowRows('2.22', rig.dir));
      const { exit, report } = await rig.import(address);
      expect([exit, report.versions]).toEqual([1, { imported: 2, there: 0, conflicts: 1 }]);
      expect(report.findings.find(({ kind }) => kind === 'conflict')).toMatchObject({ examples: ['clf/1'] });
      expect(await rig.get('registered-models/get?name=clf')).toMatchObject({
        registered_model: { aliases: [], latest_versions: [{ version: '2' }] },
      });
      expect(await rig.post('model-versions/create', { name: 'clf', source: 's3://bucket/x' })).toMatchObject(
        { model_version: { version: '4' } },
      );
    });

    test('moves no alias and no stage of a model that is protected here', async () => {
      await using rig = await open();
      await rig.post('registered-models/create', { name: 'clf' });
      await rig.run(`INSERT INTO protections (name, alias) VALUES ('clf', 'champion')`);
      const address = await source(rig, mlflowTables('2.22'), mlflowRows('2.22', rig.dir));
      for (const options of [['--dry-run'], []]) {
        const { exit, report } = await rig.import(address, ...options);
        expect([exit, report.versions.imported]).toEqual([0, 3]);
        expect(report.findings.filter(({ problem }) => problem.includes('protected'))).toEqual([
          {
            kind: 'changed',
            problem: 'version of a protected model, which comes without its stage',
            count: 1,
            examples: ['clf/1: Production'],
          },
          { kind: 'skipped', problem: 'alias that is protected here', count: 1, examples: ['clf@champion'] },
        ]);
      }
      expect(await rig.get('registered-models/get?name=clf')).toMatchObject({
        registered_model: { aliases: [], latest_versions: [{ version: '2', current_stage: 'None' }] },
      });
      expect((await rig.import(address)).exit).toBe(0);
    });

    test('goes on where one that was cut off ended', async () => {
      await using rig = await open();
      const address = await source(rig, mlflowTables('2.22'), mlflowRows('2.22', rig.dir), manyRuns(RUNS));
      const whole = await rig.import(address);
      const expected = await rig.dump();
      expect(whole.report.runs.imported).toBe(RUNS + 2);
      // As after an end within the second batch: a run without its history, and nothing after it.
      const cut = idOf(RUNS - 50);
      for (const table of ['earlier_metrics', 'latest_metrics', 'params', 'tags', 'runs'])
        await rig.run(
          `DELETE FROM ${table} WHERE run_uuid > '${cut}' AND run_uuid < 'a' OR run_uuid = '${cut}' AND '${table}' = 'earlier_metrics'`,
        );
      const { exit, report } = await rig.import(address);
      expect([exit, report.runs, report.metrics]).toEqual([
        0,
        { imported: 49, there: RUNS + 2 - 49, conflicts: 0 },
        // Two of each run that was gone, and the earlier one of that which was cut.
        99,
      ]);
      expect(await rig.dump()).toEqual(expected);
    });
  });
}

/** More than a batch. */
const RUNS = 1100;

function idOf(index: number): string {
  return String(index).padStart(32, '0');
}

function manyRuns(count: number): string {
  const ids = Array.from({ length: count }, (_, index) => idOf(index));
  const rows = (of: (id: string) => string): string => ids.map(of).join(', ');
  return `INSERT INTO runs VALUES ${rows((id) => `('${id}', 'r', 'LOCAL', '', '', 'ann', 'FINISHED', 1, 2, '', 'active', '', 3, NULL)`)};
    INSERT INTO params VALUES ${rows((id) => `('p', '1', '${id}')`)};
    INSERT INTO metrics VALUES ${rows((id) => `('m', 1, 1, '${id}', 0, FALSE), ('m', 2, 2, '${id}', 1, FALSE)`)};
    INSERT INTO latest_metrics VALUES ${rows((id) => `('m', 2, 2, 1, FALSE, '${id}')`)};`;
}
