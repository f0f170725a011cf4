import { describe, expect, test } from 'vitest';
import type { Row } from '../../src/db/sql.ts';
import {
  DELETED_RUN,
  FIRST_RUN,
  mlflowRows,
  mlflowTables,
  TRACE_COLUMN_NAMES,
} from '../rigs/mlflow-database.ts';
import type { ImportCase } from './describe-import.ts';

/** What `recipe server import` promises of traces, whatever databases are at its ends. */
export function describeTraceImport(name: string, { open, source }: ImportCase): void {
  describe(`recipe server import of traces, ${name}`, () => {
    test('name, session, token usage and cost of a trace, which MLflow 3.17 keeps in columns', async () => {
      await using rig = await open();
      const address = await source(rig, mlflowTables('3.17'), mlflowRows('3.17', rig.dir));
      await rig.import(address);
      expect(await rig.get('traces/tr-1/info')).toMatchObject({
        trace_info: {
          request_metadata: [
            { key: 'mlflow.sourceRun', value: FIRST_RUN },
            { key: 'mlflow.trace.cost', value: COST },
            { key: 'mlflow.trace.session', value: 's-1' },
            {
              key: 'mlflow.trace.tokenUsage',
              value: '{"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}',
            },
          ],
          tags: [
            { key: 'mlflow.artifactLocation', value: 'mlflow-artifacts:/3/traces/tr-1/artifacts' },
            { key: 'mlflow.trace.spansLocation', value: 'TRACKING_STORE' },
            { key: 'mlflow.traceName', value: 'predict' },
          ],
        },
      });
    });

    test('what a trace of MLflow 3 has before those columns, in tags and metadata, stays', async () => {
      await using rig = await open();
      const address = await source(
        rig,
        mlflowTables('3.17'),
        mlflowRows('3.17', rig.dir),
        `UPDATE alembic_version SET version_num = 'b7e2c1a4d9f3'`,
        ...TRACE_COLUMN_NAMES.map((column) => `ALTER TABLE trace_info DROP COLUMN ${column}`),
        `INSERT INTO trace_tags VALUES ('mlflow.traceName', 'predict', 'tr-1')`,
        `INSERT INTO trace_request_metadata VALUES ('mlflow.trace.session', 's-1', 'tr-1')`,
      );
      const { exit } = await rig.import(address);
      const { trace_tags: tags = [], trace_metadata: metadata = [] } = await rig.dump();
      expect([exit, valuesOf(tags), valuesOf(metadata)]).toEqual([
        0,
        [
          ['mlflow.artifactLocation', 'mlflow-artifacts:/3/traces/tr-1/artifacts'],
          ['mlflow.trace.spansLocation', 'TRACKING_STORE'],
          ['mlflow.traceName', 'predict'],
        ],
        [
          ['mlflow.sourceRun', FIRST_RUN],
          ['mlflow.trace.session', 's-1'],
        ],
      ]);
    });

    test('the same once more adds what a trace came without', async () => {
      await using rig = await open();
      const address = await source(rig, mlflowTables('3.17'), mlflowRows('3.17', rig.dir));
      await rig.import(address);
      const whole = await rig.dump();
      await rig.run(`DELETE FROM trace_tags WHERE key = 'mlflow.traceName'`);
      await rig.run(`DELETE FROM trace_metadata WHERE key = 'mlflow.trace.session'`);
      const { report } = await rig.import(address);
      expect(report.traces).toEqual({ imported: 0, there: 1, conflicts: 0 });
      expect(await rig.dump()).toEqual(whole);
    });

    test('runs and versions of prompts that a trace is linked to', async () => {
      await using rig = await open();
      const address = await source(rig, mlflowTables('3.17'), mlflowRows('3.17', rig.dir));
      await rig.import(address);
      const whole = await rig.dump();
      expect(whole['trace_links']).toEqual([
        { trace_id: 'tr-1', kind: 'prompt', target: 'question/1' },
        { trace_id: 'tr-1', kind: 'run', target: DELETED_RUN },
      ]);
      await rig.import(address);
      expect(await rig.dump()).toEqual(whole);
    });

    test('assessments are counted: those that would come, that came, and that are here', async () => {
      await using rig = await open();
      const address = await source(rig, mlflowTables('3.17'), mlflowRows('3.17', rig.dir));
      const reports = [
        await rig.import(address, '--dry-run'),
        await rig.import(address),
        await rig.import(address),
        await rig.import(address, '--dry-run'),
      ];
      expect(reports.map(({ report }) => report.assessments)).toEqual([
        { imported: 3, there: 0, conflicts: 0 },
        { imported: 3, there: 0, conflicts: 0 },
        { imported: 0, there: 3, conflicts: 0 },
        { imported: 0, there: 3, conflicts: 0 },
      ]);
    });

    test('an assessment that is another here, or of another trace, stays, and the command exits 1', async () => {
      await using rig = await open();
      const address = await source(rig, mlflowTables('3.17'), mlflowRows('3.17', rig.dir));
      await rig.import(address);
      await rig.run(
        `INSERT INTO traces (trace_id, experiment_id, request_time, state) VALUES ('tr-2', 3, 150, 'OK')`,
      );
      await rig.run(`UPDATE assessments SET rationale = 'long enough' WHERE assessment_id = 'a-1'`);
      await rig.run(`UPDATE assessments SET trace_id = 'tr-2' WHERE assessment_id = 'a-3'`);
      const before = await rig.dump();
      const { exit, report } = await rig.import(address);
      expect([exit, report.assessments]).toEqual([1, { imported: 0, there: 1, conflicts: 2 }]);
      expect(report.findings.find(({ kind }) => kind === 'conflict')).toEqual({
        kind: 'conflict',
        problem: 'an assessment of the same id is another here',
        count: 2,
        examples: ['a-1 of the trace tr-1', 'a-3 of the trace tr-1'],
      });
      expect(await rig.dump()).toEqual(before);
    });

    test('an assessment that is here counts no more once another comes in its stead', async () => {
      await using rig = await open();
      const address = await source(rig, mlflowTables('3.17'), mlflowRows('3.17', rig.dir));
      await rig.import(address);
      const whole = await rig.dump();
      // As if it had been overridden after the first import.
      await rig.run(`DELETE FROM assessments WHERE assessment_id = 'a-2'`);
      await rig.run(`UPDATE assessments SET valid = 1 WHERE assessment_id = 'a-1'`);
      const { exit, report } = await rig.import(address);
      expect([exit, report.assessments]).toEqual([0, { imported: 1, there: 2, conflicts: 0 }]);
      expect(await rig.dump()).toEqual(whole);
    });
  });
}

/** As Python writes it. */
const COST = '{"input_cost": 1e-05, "output_cost": 2.0, "total_cost": 2.00001}';

function valuesOf(rows: readonly Row[]): unknown[][] {
  return rows.map(({ key, value }) => [key, value]);
}
