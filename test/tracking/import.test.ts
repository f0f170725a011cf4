import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeDefaultImport } from '../conformance/describe-default-import.ts';
import { describeImport, type ImportCase } from '../conformance/describe-import.ts';
import { describeTraceImport } from '../conformance/describe-trace-import.ts';
import { ImportRig } from '../rigs/import-rig.ts';
import { inProcess } from '../rigs/in-process.ts';
import { DELETED_RUN, FIRST_RUN, mlflowRows, mlflowTables } from '../rigs/mlflow-database.ts';
import { PostgresRig } from '../rigs/postgres-rig.ts';

const SQLITE: ImportCase = {
  open: async () => new ImportRig(),
  source: async (rig, ...statements) => rig.sqlite('mlflow.db', ...statements),
};
describeImport('SQLite into SQLite', SQLITE);
describeDefaultImport('SQLite into SQLite', SQLITE);
describeTraceImport('SQLite into SQLite', SQLITE);

const missing = await PostgresRig.missing();
describe.skipIf(missing !== undefined)(
  `with a PostgreSQL server${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let postgres: PostgresRig;
    let count = 0;
    const newDatabase = async (): Promise<string> => {
      count += 1;
      await postgres.query(`CREATE DATABASE import_${count} TEMPLATE template0`, 'postgres');
      return `import_${count}`;
    };
    beforeAll(async () => {
      postgres = await PostgresRig.start();
    });
    afterAll(async () => {
      await postgres[Symbol.asyncDispose]();
    });

    const inPostgres: ImportCase = {
      open: async () => new ImportRig(postgres.urlOf(await newDatabase())),
      source: async (_, ...statements) => {
        const name = await newDatabase();
        for (const statement of statements) await postgres.query(statement, name);
        return postgres.urlOf(name).replace('postgres:', 'postgresql+psycopg2:');
      },
    };
    describeImport('PostgreSQL into PostgreSQL', inPostgres);
    describeDefaultImport('PostgreSQL into PostgreSQL', inPostgres);
    describeTraceImport('PostgreSQL into PostgreSQL', inPostgres);

    test('a server refuses a database of MLflow’s there', async () => {
      const name = await newDatabase();
      await postgres.query(mlflowTables('2.22'), name);
      await using rig = new ImportRig();
      const { exit, err } = await inProcess(
        rig.dir,
        'server',
        '--port',
        '0',
        '--database',
        postgres.urlOf(name),
      );
      expect([exit, err.includes(`${name} is a database of MLflow's`)]).toEqual([2, true]);
      const { rows } = await postgres.query(
        `SELECT nspname FROM pg_namespace WHERE nspname = 'tracking'`,
        name,
      );
      expect(rows).toEqual([]);
    });
  },
);

describe('an SQLite file of MLflow’s', () => {
  test('is not written to, nor is anything beside it', async () => {
    await using rig = new ImportRig();
    const source = rig.sqlite('mlflow.db', mlflowTables('2.22'), mlflowRows('2.22', 'x'));
    const before = readFileSync(source);
    const names = readdirSync(rig.dir);
    await rig.import('sqlite:///mlflow.db');
    expect(readFileSync(source).equals(before)).toBe(true);
    expect(readdirSync(rig.dir)).toEqual(['.stockpot', ...names]);
  });

  test('is refused as the database of a server, with the command that imports it', async () => {
    await using rig = new ImportRig();
    const source = rig.sqlite('mlflow.db', mlflowTables('3.17'));
    const before = readFileSync(source);
    const { exit, err } = await inProcess(rig.dir, 'server', '--port', '0', '--database', `sqlite:${source}`);
    expect([exit, err]).toEqual([
      2,
      `error: ${source} is a database of MLflow's, which Stockpot never writes to [DATABASE_OF_MLFLOW]\n  Import it into a database of its own: \`recipe server import sqlite:///${source}\`, with the --database that the server is to have.\n`,
    ]);
    expect(readFileSync(source).equals(before)).toBe(true);
  });

  test('with bytes that are no UTF-8, numbers beyond 2^53 and what MLflow does not know gives all the rest', async () => {
    await using rig = new ImportRig();
    rig.sqlite(
      'mlflow.db',
      mlflowTables('2.22'),
      mlflowRows('2.22', 'x'),
      `INSERT INTO params VALUES ('bytes', CAST(x'61ff62' AS TEXT), '${FIRST_RUN}');
       INSERT INTO metrics VALUES ('far', 1, 1, '${FIRST_RUN}', 9223372036854775807, FALSE), ('word', 'x', 1, '${FIRST_RUN}', 0, FALSE);
       INSERT INTO runs SELECT 'strange', name, source_type, '', '', '', 'DREAMING', 1, 1, '', 'active', '', 3, NULL FROM runs LIMIT 1;
       INSERT INTO runs SELECT 'lost', name, source_type, '', '', '', 'FINISHED', 1, 1, '', 'active', '', 99, NULL FROM runs LIMIT 1;
       INSERT INTO inputs VALUES ('i9', 'DATASET', 'nothing', 'RUN', '${FIRST_RUN}');`,
    );
    const { exit, report } = await rig.import('mlflow.db');
    expect([exit, report.runs]).toEqual([0, { imported: 2, there: 0, conflicts: 0 }]);
    expect(report.findings.map(({ kind, count, examples }) => [kind, count, examples])).toEqual([
      ['changed', 1, [`bytes of ${FIRST_RUN}`]],
      ['skipped', 1, [FIRST_RUN]],
      ['skipped', 1, ['strange']],
      ['skipped', 1, ['lost']],
      ['skipped', 2, [`far of ${FIRST_RUN}`, `word of ${FIRST_RUN}`]],
      ['skipped', 2, [`run ${FIRST_RUN}`, 'trace tr-1']],
    ]);
    const { params, earlier_metrics: earlier = [], latest_metrics: latest = [] } = await rig.dump();
    expect(params?.find(({ key }) => key === 'bytes')).toMatchObject({ value: 'a�b' });
    expect([...earlier, ...latest]).toHaveLength(4);
  });

  test('of another revision, of another program or that is not there is refused', async () => {
    await using rig = new ImportRig();
    rig.sqlite('old.db', mlflowTables('2.22'), `UPDATE alembic_version SET version_num = '451aebb31d03'`);
    rig.sqlite('other.db', `CREATE TABLE alembic_version (version_num TEXT)`);
    rig.write('text.db', 'no database');
    const codes: unknown[] = [];
    for (const source of ['old.db', 'other.db', 'text.db', 'nowhere.db', 'mysql://h/x', '.']) {
      const { exit, err } = await inProcess(rig.dir, 'server', 'import', source, '--json');
      codes.push([source, exit, (JSON.parse(err) as { code: string }).code]);
    }
    expect(codes).toEqual([
      ['old.db', 2, 'IMPORT_SCHEMA_UNKNOWN'],
      ['other.db', 2, 'IMPORT_SOURCE_INVALID'],
      ['text.db', 2, 'IMPORT_SOURCE_INVALID'],
      ['nowhere.db', 2, 'IMPORT_SOURCE_INVALID'],
      ['mysql://h/x', 2, 'IMPORT_SOURCE_INVALID'],
      ['.', 2, 'IMPORT_SOURCE_INVALID'],
    ]);
  });
});

test('a folder of MLflow’s brings the same as a database', async () => {
  await using rig = new ImportRig();
  const run = `mlruns/548287695365935282/${FIRST_RUN}`;
  const at = join(rig.dir, 'mlruns/548287695365935282');
  for (const [path, text] of [
    ['mlruns/0/meta.yaml', `experiment_id: '0'\nname: Default\nlifecycle_stage: active\ncreation_time: 5\n`],
    [
      'mlruns/548287695365935282/meta.yaml',
      `experiment_id: '548287695365935282'\nname: flights\nartifact_location: file://${at}\nlifecycle_stage: active\ncreation_time: 10\nlast_update_time: 20\n`,
    ],
    ['mlruns/548287695365935282/tags/team', 'blue'],
    [
      `${run}/meta.yaml`,
      `run_id: ${FIRST_RUN}\nrun_name: first\nstatus: 3\nstart_time: 100\nend_time: 200\nuser_id: ann\nlifecycle_stage: active\nartifact_uri: file://${at}/${FIRST_RUN}/artifacts\n`,
    ],
    [`${run}/params/train/lr`, '0.1'],
    [`${run}/metrics/auc`, '110 0.5 0\n120 0.75 1\n'],
    [`${run}/metrics/odd`, '110 nan 0\n111 -inf 1\nnonsense\n'],
    [`${run}/artifacts/model/MLmodel`, 'flavors: {}'],
    ['mlruns/.trash/9/meta.yaml', `experiment_id: '9'\nname: old\nlifecycle_stage: deleted\n`],
    [
      `mlruns/.trash/9/${DELETED_RUN}/meta.yaml`,
      `run_id: ${DELETED_RUN}\nstatus: 4\nlifecycle_stage: deleted\n`,
    ],
    ['mlruns/models/clf/meta.yaml', 'name: clf\ncreation_timestamp: 40\n'],
    ['mlruns/models/clf/aliases/champion', '1'],
    [
      'mlruns/models/clf/version-1/meta.yaml',
      `version: 1\nsource: file://${at}/${FIRST_RUN}/artifacts/model\nrun_id: ${FIRST_RUN}\ncurrent_stage: None\nstatus: READY\n`,
    ],
  ] as const)
    rig.write(path, text);
  const { exit, report } = await rig.import('mlruns');
  expect([exit, report.mapped, report.files, report.metrics]).toEqual([
    0,
    [{ name: 'flights', from: '548287695365935282', to: '10' }],
    1,
    4,
  ]);
  expect(await rig.get('experiments/get?experiment_id=0')).toMatchObject({
    experiment: { creation_time: 5, last_update_time: 5, artifact_location: 'mlflow-artifacts:/0' },
  });
  expect(await rig.get(`runs/get?run_id=${FIRST_RUN}`)).toMatchObject({
    run: {
      info: {
        experiment_id: '10',
        status: 'FINISHED',
        artifact_uri: `mlflow-artifacts:/10/${FIRST_RUN}/artifacts`,
      },
      data: {
        params: [{ key: 'train/lr', value: '0.1' }],
        metrics: [
          { key: 'auc', value: 0.75 },
          { key: 'odd', value: -Number.MAX_VALUE },
        ],
      },
    },
  });
  expect(await rig.get('registered-models/alias?name=clf&alias=champion')).toMatchObject({
    model_version: { source: `mlflow-artifacts:/10/${FIRST_RUN}/artifacts/model` },
  });
  const before = await rig.dump();
  const { report: again } = await rig.import('mlruns');
  expect([again.runs, again.metrics]).toEqual([{ imported: 0, there: 2, conflicts: 0 }, 0]);
  expect(await rig.dump()).toEqual(before);
});

test('assessments of a folder are counted as those of a database', async () => {
  await using rig = new ImportRig();
  const trace = 'mlruns/0/traces/tr-1';
  rig.write('mlruns/0/meta.yaml', `experiment_id: '0'\nname: Default\nlifecycle_stage: active\n`);
  rig.write(
    `${trace}/trace_info.yaml`,
    `trace_id: tr-1\nstate: OK\nrequest_time: '2026-01-02T03:04:05.678Z'\n`,
  );
  for (const [id, said] of [
    ['a-1', 'feedback:\n  value: false\n'],
    ['a-2', 'expectation:\n  value: 1.5\n'],
  ] as const)
    rig.write(
      `${trace}/assessments/${id}.yaml`,
      `assessment_id: ${id}\nassessment_name: right\ncreate_time: '2026-01-02T03:04:06Z'\nlast_update_time: '2026-01-02T03:04:06Z'\nsource:\n  source_type: HUMAN\n${said}`,
    );
  const reports = [
    await rig.import('mlruns', '--dry-run'),
    await rig.import('mlruns'),
    await rig.import('mlruns'),
  ];
  expect(reports.map(({ exit, report }) => [exit, report.assessments])).toEqual([
    [0, { imported: 2, there: 0, conflicts: 0 }],
    [0, { imported: 2, there: 0, conflicts: 0 }],
    [0, { imported: 0, there: 2, conflicts: 0 }],
  ]);
});
