import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const SCRIPT = join(import.meta.dirname, 'promptlab-client.py');

/** An interpreter that has MLflow 2.22, from `npm run test:python`. */
const PYTHON = process.env['STOCKPOT_TEST_PYTHON'];

describe.skipIf(PYTHON === undefined)('a run of MLflow’s page for prompts', () => {
  test('has a table and a model that the client of MLflow reads, whatever stands in them', async () => {
    await using rig = await CliRig.create();
    await using server = await ServerProcess.start(rig);
    const env = { MLFLOW_TRACKING_URI: server.url };
    const { stdout } = await execa(PYTHON ?? '', [SCRIPT], { cwd: rig.dir, env });
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toEqual({
      columns: ['a', 'b', 'c', 'prompt', 'output', 'MLFLOW_latency'],
      row: true,
      values: true,
      model: ['Say {{ a }}', 'null', [['temperature', '0.5']]],
      inputs: ['a', 'b', 'c'],
      example: true,
    });
  }, 180_000);
});
