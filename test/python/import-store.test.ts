import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const SCRIPT = join(import.meta.dirname, 'import-store.py');

const CLIENTS = [
  ['MLflow 2.22', process.env['STOCKPOT_TEST_PYTHON']],
  ['MLflow 3', process.env['STOCKPOT_TEST_PYTHON_MLFLOW3']],
] as const;

const STORES = [
  ['a database', 'sqlite:///mlflow.db', 'sqlite:///mlflow.db'],
  ['a folder', 'file:mlruns', 'mlruns'],
] as const;

describe.each(CLIENTS)('what the client of %s wrote', (_, python = '') => {
  test.skipIf(python === '').each(STORES)(
    'into %s it finds again in this server after an import',
    async (_, store, source) => {
      await using rig = await CliRig.create();
      const uri = store.replace('file:mlruns', `file://${rig.dir}/mlruns`);
      const script = async (...args: string[]): Promise<string> => {
        // MLflow 3 has put its store of files on notice.
        const env = { MLFLOW_ALLOW_FILE_STORE: 'true' };
        const { stdout } = await execa(python, [SCRIPT, ...args], { cwd: rig.dir, env });
        return stdout.trim().split('\n').at(-1) ?? '';
      };
      await script('fill', uri, `file://${rig.dir}/files`);
      const wanted = JSON.parse(await script('read', uri)) as Record<string, unknown>;
      const imported = await rig.recipe('server', 'import', source, '--json');
      expect(JSON.parse(imported.out)).toMatchObject({ findings: [], leftOut: [] });
      await using server = await ServerProcess.start(rig);
      expect(JSON.parse(await script('read', server.url))).toEqual(wanted);
    },
    480_000,
  );
});
