import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const SCRIPT = join(import.meta.dirname, 'local-root-client.py');

const CLIENTS = [
  ['MLflow 2.22', process.env['STOCKPOT_TEST_PYTHON']],
  ['MLflow 3', process.env['STOCKPOT_TEST_PYTHON_MLFLOW3']],
] as const;

describe.each(CLIENTS)('the client of %s', (_, python = '') => {
  test.skipIf(python === '').each([
    ['--default-artifact-root', '/0/RUN/artifacts'],
    ['--artifacts-destination', 'mlflow-artifacts:/0/RUN/artifacts'],
  ])(
    'finds what it logged with %s',
    async (flag, uri) => {
      await using rig = await CliRig.create({
        'recipe.yaml': `steps:
  show: { run: [ls, "{{ inputs.model }}"], inputs: { model: "models:/doubles@champion" } }
`,
      });
      const root = join(rig.dir, 'artifacts');
      await using server = await ServerProcess.start(rig, flag, root);
      const { stdout } = await execa(python, [SCRIPT, root], {
        cwd: rig.dir,
        env: { MLFLOW_TRACKING_URI: server.url },
      });
      expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toEqual({
        uri,
        listed: ['deep/notes.txt'],
        text: 'text',
        is_local: flag === '--default-artifact-root',
        predicted: [
          [2, 4],
          [2, 4],
          [2, 4],
        ],
      });
      expect(globSync('0/*/artifacts/deep/notes.txt', { cwd: root }).length).toBe(1);
      expect(existsSync(join(rig.dir, '.stockpot/uploads'))).toBe(false);
      // A recipe takes the model by its alias, from the cache.
      expect(await rig.run()).toEqual({ show: 'succeeded' });
      expect((await rig.recipe('logs', ':show')).out).toContain('MLmodel');
    },
    180_000,
  );
});
