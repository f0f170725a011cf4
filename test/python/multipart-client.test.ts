import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const SCRIPT = join(import.meta.dirname, 'multipart-client.py');

const CLIENTS = [
  ['MLflow 2.22', process.env['STOCKPOT_TEST_PYTHON']],
  ['MLflow 3', process.env['STOCKPOT_TEST_PYTHON_MLFLOW3']],
] as const;

describe.each(CLIENTS)('the client of %s', (_, python = '') => {
  test.skipIf(python === '')(
    'sends a large file in parts, and a small one at once',
    async () => {
      await using rig = await CliRig.create();
      await using server = await ServerProcess.start(rig);
      const { stdout } = await execa(python, [SCRIPT], {
        cwd: rig.dir,
        env: { MLFLOW_TRACKING_URI: server.url },
      });
      expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toEqual({
        listed: [
          ['deep/large.bin', 15_740_985],
          ['deep/small.bin', 999_999],
        ],
        same: [true, true],
      });
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      expect(metrics).toMatch(/_count\{.*route="[^"]*mpu\/parts[^"]*",status="200".*\} 4/);
    },
    180_000,
  );
});
