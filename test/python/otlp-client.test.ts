import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const SCRIPT = join(import.meta.dirname, 'otlp-client.py');

/** An interpreter that has MLflow 3 and OpenTelemetry's messages, from `npm run test:python`. */
const PYTHON = process.env['STOCKPOT_TEST_PYTHON_MLFLOW3'];

describe.skipIf(PYTHON === undefined)('spans in OpenTelemetry’s own messages', () => {
  test('are what the client of MLflow 3 reads back, to the nanosecond', async () => {
    await using rig = await CliRig.create();
    await using server = await ServerProcess.start(rig);
    const { stdout } = await execa(PYTHON ?? '', [SCRIPT, server.url], { cwd: rig.dir });
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toEqual({
      status: 200,
      state: 'OK',
      duration: 2,
      service: 'shop',
      spans: [
        ['predict', null, 1, 2_000_000, 9_007_199_254_740_992],
        ['inner', '0000000000000001', 2, 1_000_000, 9_007_199_254_740_992],
      ],
      found: [['tr-000102030405060708090a0b0c0d0e0f', 2]],
    });
  }, 180_000);
});
