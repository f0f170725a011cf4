import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TrackedRun } from '../../src/engine/tracking-port.ts';
import { CliRig, type Outcome } from '../rigs/cli-rig.ts';
import { inProcess } from '../rigs/in-process.ts';
import { ServerProcess } from '../rigs/server-process.ts';
import { lastRun, listRuns } from '../rigs/tracked-runs.ts';

const CLIENT = join(import.meta.dirname, '../../src/exports/client.ts');
const RECIPE = 'steps:\n  a: { run: "true" }\n';
const TRAIN = `import { startRun } from ${JSON.stringify(CLIENT)};
const [experiment = '', exit = '0'] = process.argv.slice(2);
const { MLFLOW_TRACKING_URI: uri, MLFLOW_TRACKING_TOKEN: token } = process.env;
if (experiment !== '')
  await fetch(uri + '/api/2.0/mlflow/experiments/get-by-name?experiment_name=' + experiment, { headers: { authorization: 'Bearer ' + token } });
const run = await startRun();
await run.logParam('secret_is', 'not the argument');
await run.logMetric('loss', 0.25, { step: 4, timestamp: 9 });
await run.logText('hello', 'notes/a.txt');
await run.end();
console.log('trained');
process.exitCode = Number(exit);
`;

async function track(rig: CliRig, ...args: string[]): Promise<Outcome> {
  return rig.recipe('track', ...args);
}

describe('recipe track', () => {
  test('keeps what a program logs as a run, and ends as the program does', async () => {
    await using rig = await CliRig.create({ 'train.ts': TRAIN });
    rig.env['STOCKPOT_TOKEN'] = 'of another server';
    const { exit, out, err } = await track(rig, '--', process.execPath, 'train.ts', '', '3');
    expect({ exit, out }).toEqual({ exit: 3, out: 'trained\n' });
    const run = await lastRun(rig);
    expect(err).toBe(
      `Tracked as ${run.name} in the experiment ${basename(rig.dir)}:\n  recipe runs show ${run.id}\n`,
    );
    expect(run).toMatchObject({
      name: expect.stringMatching(/^train\.ts 2/),
      experiment: basename(rig.dir),
      status: 'FAILED',
      params: { secret_is: 'not the argument' },
      metrics: { loss: 0.25 },
      tags: { 'mlflow.source.type': 'LOCAL', 'mlflow.source.name': 'train.ts' },
      artifacts: [{ path: 'notes', kind: 'directory' }],
      history: { loss: [{ step: 4, timestamp: 9, value: 0.25 }] },
    });
    expect(existsSync(join(rig.dir, '.stockpot/recordings', run.id))).toBe(false);
    await inProcess(rig.dir, 'cache', 'gc', '--max-size', '0B');
    expect((await inProcess(rig.dir, 'cache', 'fsck')).exit).toBe(0);
    const digest = run.artifacts[0]?.digest ?? '';
    expect(await rig.read(`.stockpot/cache/cas/${digest.slice(0, 2)}/${digest}`)).toContain('a.txt');
  });

  test('in the experiment that is asked for, on the command line before the program', async () => {
    await using rig = await CliRig.create({ 'train.ts': TRAIN });
    const program = ['--', process.execPath, 'train.ts', 'wines'];
    const first = await track(rig, '--json', ...program);
    expect(JSON.parse(first.out)).toEqual({
      run: expect.stringMatching(/^[0-9a-f]{32}$/),
      name: expect.any(String),
      experiment: 'wines',
      status: 'FINISHED',
      exit: 0,
    });
    expect(first.err).toBe('trained\n');
    const second = await track(rig, '--json', '--experiment', 'mine', '--name', 'best', ...program);
    expect(JSON.parse(second.out)).toMatchObject({ experiment: 'mine', name: 'best' });
    expect((await listRuns(rig)).map(({ experiment }) => experiment).toSorted()).toEqual(['mine', 'wines']);
  });

  test('passes on a signal, and keeps what was logged until then', async () => {
    await using rig = await CliRig.create({
      'wait.ts': `import { startRun } from ${JSON.stringify(CLIENT)};
const run = await startRun();
await run.logMetric('loss', 1);
setInterval(() => {}, 1000);
console.log('ready');
`,
    });
    const child = rig.start('track', '--', process.execPath, 'wait.ts');
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('ready')) child.kill('SIGTERM');
    });
    expect((await child).exitCode).toBe(128 + 15);
    expect(await lastRun(rig)).toMatchObject({ status: 'KILLED', metrics: { loss: 1 } });
  });

  test('writes to the server that `--tracking` names, files too', async () => {
    await using team = await CliRig.create();
    await using server = await ServerProcess.start(team);
    await using rig = await CliRig.create({ 'train.ts': TRAIN });
    const program = ['--', process.execPath, 'train.ts', 'wines'];
    const { exit, out, err } = await track(rig, '--json', '--tracking', server.url, ...program);
    expect({ exit, err }).toEqual({ exit: 0, err: 'trained\n' });
    const { run } = JSON.parse(out) as { run: string };
    expect(await listRuns(rig)).toEqual([]);
    const [there] = await listRuns(team);
    expect(there).toMatchObject({ experiment: 'wines', status: 'FINISHED', metrics: { loss: 0.25 } });
    const { files } = await server.api(`artifacts/list?run_id=${there?.id}&path=notes`);
    expect(files).toMatchObject([{ path: 'notes/a.txt' }]);
    const shown = await inProcess(rig.dir, 'runs', 'show', run, '--tracking', server.url, '--json');
    expect(JSON.parse(shown.out)).toMatchObject({ status: 'FINISHED', metrics: { loss: 0.25 } });
  });

  test('says the command that shows the run, with where it is, but no password', async () => {
    await using team = await CliRig.create();
    await using server = await ServerProcess.start(team);
    await using rig = await CliRig.create({ 'profiles/here.yaml': '{}\n', 'recipe.yaml': RECIPE });
    const withPassword = server.url.replace('//', '//ann:secret@');
    for (const [options, said] of [
      [['--tracking', withPassword], `--tracking ${server.url}`],
      [
        ['--database', "sqlite:it's & there.db"],
        String.raw`--database 'sqlite:${rig.dir}/it'\''s & there.db'`,
      ],
      [['--profile', 'here'], '--profile here'],
    ] as const) {
      const { exit, err } = await track(rig, ...options, '--', 'true');
      expect(exit).toBe(0);
      const [, id, rest] = /\n {2}recipe runs show ([0-9a-f]{32}) (.*)\n$/.exec(err) ?? [];
      expect(rest).toBe(said);
      // As a shell has it.
      const shell = ['-c', `"$@" ${rest}`, 'sh', process.execPath, CliRig.bin, 'runs', 'show', id ?? ''];
      expect(execFileSync('sh', shell, { cwd: rig.dir, encoding: 'utf8' })).toContain('FINISHED');
    }
  });

  test('shows what was logged while the program runs', async () => {
    await using rig = await CliRig.create({
      'wait.ts': `import { startRun } from ${JSON.stringify(CLIENT)};
const run = await startRun();
await run.logMetric('loss', 0.5);
await new Promise((resolve) => process.stdin.once('end', resolve).resume());
await run.logMetric('loss', 0.25, { step: 1 });
await run.end();
`,
    });
    const child = rig.start('track', '--name', 'live', '--', process.execPath, 'wait.ts');
    const over = new AbortController();
    void child.finally(() => over.abort());
    let [run] = [] as TrackedRun[];
    while (run === undefined && !over.signal.aborted) {
      await new Promise((resolve) => setImmediate(resolve));
      if (existsSync(join(rig.dir, '.stockpot/tracking.db'))) [run] = await listRuns(rig);
    }
    expect(run).toMatchObject({ name: 'live', status: 'RUNNING', metrics: { loss: 0.5 } });
    child.stdin.end();
    expect((await child).exitCode).toBe(0);
    const ended = await lastRun(rig);
    expect(ended).toMatchObject({ id: run?.id, status: 'FINISHED' });
    expect(ended.history['loss']?.map(({ value }) => value)).toEqual([0.5, 0.25]);
  });

  test('that is killed loses nothing: the next command that asks for runs has all of it', async () => {
    await using rig = await CliRig.create({
      'wait.ts': `import { startRun } from ${JSON.stringify(CLIENT)};
const run = await startRun();
await run.logMetric('loss', 1);
await run.logText('a', 'a.txt');
await run.logText('a', 'same.txt');
setInterval(() => {}, 1000);
console.log('pid', process.pid);
`,
    });
    const child = rig.start('track', '--name', 'cut off', '--', process.execPath, 'wait.ts');
    child.stdout.on('data', (chunk: Buffer) => {
      const [, pid] = /pid (\d+)/.exec(chunk.toString()) ?? [];
      if (pid === undefined) return;
      child.kill('SIGKILL');
      process.kill(Number(pid), 'SIGKILL');
    });
    expect((await child).signal).toBe('SIGKILL');
    expect(await lastRun(rig)).toMatchObject({
      name: 'cut off',
      status: 'KILLED',
      metrics: { loss: 1 },
      artifacts: [{ path: 'a.txt' }, { path: 'same.txt' }],
    });
    expect(readdirSync(join(rig.dir, '.stockpot/recordings'))).toEqual([]);
    expect(await listRuns(rig)).toHaveLength(1);
  });

  test('a program that logs nothing is a run all the same; its options are its own', async () => {
    await using rig = await CliRig.create();
    const { exit, out } = await track(rig, '--', 'echo', '--help', '--json');
    expect({ exit, out }).toEqual({ exit: 0, out: '--help --json\n' });
    expect(await lastRun(rig)).toMatchObject({ status: 'FINISHED', params: {}, artifacts: [] });
  });

  test.each([
    [['track'], 'recipe track needs -- PROGRAM…'],
    [['track', '--', 'no-such-program'], 'The program no-such-program is not on the PATH'],
    [['track', 'python', '--lr', '1'], 'There is no option --lr'],
  ])('%j is refused', async (args, message) => {
    await using rig = await CliRig.create();
    const { exit, err } = await inProcess(rig.dir, ...args);
    expect({ exit, message: err.split('\n')[0] }).toEqual({
      exit: 2,
      message: expect.stringContaining(message),
    });
    const recordings = join(rig.dir, '.stockpot/recordings');
    expect(existsSync(recordings) ? readdirSync(recordings) : []).toEqual([]);
  });
});
