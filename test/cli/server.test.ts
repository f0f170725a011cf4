import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/events.ts';
import { Random } from '../chaos/random.ts';
import { ServerLoad } from '../chaos/server-load.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { RegistryRig } from '../rigs/registry-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

interface File {
  readonly path: string;
  readonly is_dir: boolean;
}

describe('recipe server', () => {
  test('shows what recipes tracked, and their models with every file', async () => {
    await using rig = await RegistryRig.create(', alias: champion');
    await rig.train(1);
    await using server = await ServerProcess.start(rig.cli);
    const { experiments } = await server.api('experiments/search', { max_results: 10 });
    const ids = (experiments as { experiment_id: string }[]).map(({ experiment_id }) => experiment_id);
    const { runs } = await server.api('runs/search', {
      experiment_ids: ids,
      filter: "attributes.status = 'FINISHED'",
    });
    expect((runs as unknown[]).length).toBeGreaterThan(1);
    const { model_version: version } = await server.api('registered-models/alias?name=m&alias=champion');
    const { source } = version as { source: string };
    expect(version).toMatchObject({ name: 'm', version: '1', aliases: ['champion'] });
    expect(await server.api('model-versions/get-download-uri?name=m&version=1')).toEqual({
      artifact_uri: source,
    });
    const root = source.replace('mlflow-artifacts:/', '');
    const listed = await fetch(`${server.url}/api/2.0/mlflow-artifacts/artifacts?path=${root}`);
    const { files } = (await listed.json()) as { files: File[] };
    const names = files.filter(({ is_dir }) => !is_dir).map(({ path }) => path);
    expect(names).toEqual(['MLmodel']);
    const response = await fetch(`${server.url}/api/2.0/mlflow-artifacts/artifacts/${root}/MLmodel`);
    expect(await response.text()).toBe('n: 1\n');
  });

  test('and a recipe run beside each other see what the other wrote', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': 'steps:\n  a: { run: "true" }\n' });
    await using server = await ServerProcess.start(rig);
    const { run } = await server.api('runs/create', { experiment_id: '0', run_name: 'by a client' });
    await rig.run();
    const { out } = await rig.recipe('runs', 'list', '--json');
    expect(out).toContain('by a client');
    const { experiments } = await server.api('experiments/search', { max_results: 10 });
    expect(experiments).toHaveLength(2);
    expect(run).toMatchObject({ info: { status: 'RUNNING' } });
  });

  test('has models that clients wrote, and recipes take them by alias', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:
  show: { run: [cat, "{{ inputs.model }}/data/model.txt"], inputs: { model: "models:/clf@champion" } }
`,
    });
    await using server = await ServerProcess.start(rig);
    const { run } = await server.api('runs/create', { experiment_id: '0' });
    const { run_id } = (run as { info: { run_id: string } }).info;
    for (const [path, body] of [
      ['MLmodel', 'flavors: {}'],
      ['data/model.txt', 'weights'],
    ])
      await fetch(`${server.url}/api/2.0/mlflow-artifacts/artifacts/0/${run_id}/artifacts/model/${path}`, {
        method: 'PUT',
        body: body ?? '',
      });
    await server.api('registered-models/create', { name: 'clf' });
    await server.api('model-versions/create', { name: 'clf', source: `runs:/${run_id}/model`, run_id });
    await server.api('registered-models/alias', { name: 'clf', alias: 'champion', version: '1' });
    expect(await rig.run()).toEqual({ show: 'succeeded' });
    expect((await rig.recipe('logs', ':show')).out).toContain('weights');
    const { out } = await rig.recipe('models', 'show', 'clf', '--json');
    const { versions, history } = JSON.parse(out) as { versions: unknown[]; history: { action: string }[] };
    expect(versions).toMatchObject([{ version: '1', aliases: ['champion'], runId: run_id }]);
    expect(history.map(({ action }) => action)).toEqual(['create', 'register', 'alias champion']);
    // What clients wrote is no rubbish, whatever the cache may hold.
    await rig.recipe('cache', 'gc', '--max-size', '0');
    const file = await fetch(`${server.url}/get-artifact?run_id=${run_id}&path=model/data/model.txt`);
    expect(await file.text()).toBe('weights');
  });

  test('ends when it is told to, and says so with 0', async () => {
    await using rig = await CliRig.create();
    await using server = await ServerProcess.start(rig);
    await server.api('experiments/create', { name: 'x' });
    expect(await server.end('SIGTERM')).toMatchObject({ exit: 0, err: '' });
  });

  test('takes what `mlflow server` takes, and says what of it does nothing', async () => {
    await using rig = await CliRig.create();
    const flags = ['--workers', '4', '--serve-artifacts', '--default-artifact-root', 's3://bucket/x/'];
    await using server = await ServerProcess.start(
      rig,
      '--backend-store-uri',
      `sqlite:///${rig.dir}/tracking.db`,
      ...flags,
    );
    expect(await (await fetch(`${server.url}/ready`)).text()).toBe('OK');
    const { experiment } = await server.api('experiments/get?experiment_id=0');
    expect(experiment).toMatchObject({ artifact_location: 's3://bucket/x/0' });
    expect(existsSync(join(rig.dir, 'tracking.db'))).toBe(true);
    const { err } = await server.end('SIGTERM');
    expect(err.split('\n').map((line) => line.split(' ')[0])).toEqual(['--serve-artifacts', '--workers', '']);
    for (const [said, ...refused] of [
      ['is neither mlflow-artifacts: nor', '--default-artifact-root', 'ftp://host/x'],
      ['may have letters, digits', '--default-artifact-root', './ml runs'],
      ['may have letters, digits', '--default-artifact-root', '/'],
      ['is no folder of this machine', '--artifacts-destination', 's3://bucket'],
      ['is no folder of this machine', '--artifacts-destination', 'file://elsewhere/x'],
      ['say one of them', '--artifacts-destination', './a', '--default-artifact-root', './b'],
      ['of the server', '--artifacts-destination', '.'],
      ['of the server', '--default-artifact-root', '.stockpot'],
      [
        'clients cannot put artifacts',
        '--no-serve-artifacts',
        '--default-artifact-root',
        'mlflow-artifacts:/',
      ],
      ['has it take none', '--no-serve-artifacts', '--artifacts-destination', './a'],
    ] as const) {
      const { exit, err } = await rig.recipe('server', '--port', '0', ...refused);
      expect([refused, exit, err]).toEqual([refused, 2, expect.stringContaining(said)]);
    }
  });

  test('keeps clients’ files in a folder, which every later server on the database is to have', async () => {
    await using rig = await CliRig.create();
    for (const [flags, isRoot] of [
      [['--artifacts-destination', 'artifacts'], false],
      [['--default-artifact-root', `file://${rig.dir}/artifacts/`], true],
    ] as const) {
      await using server = await ServerProcess.start(rig, ...flags);
      const { run } = await server.api('runs/create', { experiment_id: '0' });
      const { run_id, artifact_uri } = (run as { info: { run_id: string; artifact_uri: string } }).info;
      const path = `0/${run_id}/artifacts`;
      expect(artifact_uri).toBe(isRoot ? join(rig.dir, 'artifacts', path) : `mlflow-artifacts:/${path}`);
      await fetch(`${server.url}/api/2.0/mlflow-artifacts/artifacts/${path}/f`, { method: 'PUT', body: 'x' });
      expect(readFileSync(join(rig.dir, 'artifacts', path, 'f'), 'utf8')).toBe('x');
    }
    for (const flags of [[], ['--artifacts-destination', 'others']]) {
      const { exit, err } = await rig.recipe('server', '--port', '0', '--json', ...flags);
      expect([exit, JSON.parse(err)]).toMatchObject([2, { code: 'ARTIFACTS_ELSEWHERE' }]);
    }
  });

  test('lets no artifacts pass through where clients put them elsewhere, and says so as MLflow’s does', async () => {
    await using rig = await CliRig.create();
    await using server = await ServerProcess.start(rig, '--no-serve-artifacts');
    const { run } = await server.api('runs/create', { experiment_id: '0' });
    const { run_id, artifact_uri } = (run as { info: { run_id: string; artifact_uri: string } }).info;
    expect(artifact_uri).toBe(join(rig.dir, 'mlruns/0', run_id, 'artifacts'));
    for (const [method, path, rule = path] of [
      ['GET', '/api/2.0/mlflow-artifacts/artifacts'],
      [
        'GET',
        '/api/2.0/mlflow-artifacts/artifacts/a/b',
        '/api/2.0/mlflow-artifacts/artifacts/<path:artifact_path>',
      ],
      [
        'PUT',
        '/ajax-api/2.0/mlflow-artifacts/artifacts/a',
        '/ajax-api/2.0/mlflow-artifacts/artifacts/<path:artifact_path>',
      ],
      [
        'DELETE',
        '/api/2.0/mlflow-artifacts/artifacts/a',
        '/api/2.0/mlflow-artifacts/artifacts/<path:artifact_path>',
      ],
      [
        'POST',
        '/api/2.0/mlflow-artifacts/mpu/create/a',
        '/api/2.0/mlflow-artifacts/mpu/create/<path:artifact_path>',
      ],
    ] as const) {
      const answer = await fetch(`${server.url}${path}`, { method });
      expect([answer.status, await answer.text()]).toEqual([
        503,
        `Endpoint: ${rule} disabled due to the mlflow server running with \`--no-serve-artifacts\`. To enable artifacts server functionality, run \`mlflow server\` with \`--serve-artifacts\``,
      ]);
    }
    mkdirSync(artifact_uri, { recursive: true });
    writeFileSync(join(artifact_uri, 'f'), 'there');
    expect(await (await fetch(`${server.url}/get-artifact?run_id=${run_id}&path=f`)).text()).toBe('there');
  });

  test('beside another on one database wants the same files', async () => {
    await using one = await CliRig.create();
    await using two = await CliRig.create();
    const database = ['--database', `sqlite:${one.dir}/shared.db`];
    await using server = await ServerProcess.start(one, ...database, '--cache', join(one.dir, 'files'));
    const { run } = await server.api('runs/create', { experiment_id: '0' });
    const { run_id } = (run as { info: { run_id: string } }).info;
    const path = `/api/2.0/mlflow-artifacts/artifacts/0/${run_id}/artifacts/f`;
    await fetch(`${server.url}${path}`, { method: 'PUT', body: 'bytes' });
    const refused = await two.recipe('server', '--port', '0', ...database, '--json');
    expect([refused.exit, JSON.parse(refused.err)]).toMatchObject([2, { code: 'CACHE_NOT_SHARED' }]);
    await using other = await ServerProcess.start(two, ...database, '--cache', join(one.dir, 'files'));
    expect(await (await fetch(`${other.url}${path}`)).text()).toBe('bytes');
  });

  test('sends the events of a run as they come, and from where a reader left off', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:
  a: { run: "true" }
  b: { run: "until test -e go; do sleep 0.05; done", isolation: project }
`,
    });
    await using server = await ServerProcess.start(rig);
    const running = rig.start('run', '--json');
    let id = '';
    for await (const line of createInterface({ input: running.stdout })) {
      const event = JSON.parse(line) as RunEvent;
      if (event.type === 'run.started') id = event.run;
      if (event.type === 'step.started' && event.step === 'b') break;
    }
    const url = `${server.url}/api/2.0/stockpot/runs/${id}/events`;
    const live = await fetch(url);
    const reader = (live.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const until = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(text)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`it ended without ${pattern}: ${text}`);
        text += value;
      }
    };
    await until(/event: step\.started\ndata: .*"step":"b"/);
    expect(text).toContain('id: 1\nevent: run.started\n');
    expect(text).not.toContain('run.finished');
    await rig.write('go', '');
    await until(/event: run\.finished/);
    expect((await reader.read()).done).toBe(true);
    await running;
    const last = /id: (\d+)\nevent: run\.finished/.exec(text)?.[1] ?? '';
    const rest = await fetch(url, { headers: { 'last-event-id': String(Number(last) - 1) } });
    expect(await rest.text()).toMatch(new RegExp(`^id: ${last}\nevent: run\\.finished\n`));
    expect((await fetch(url, { headers: { 'last-event-id': last } })).status).toBe(204);
    for (const [path, status] of [
      ['0000/events', 404],
      ['..%2f..%2fx/events', 400],
    ] as const)
      expect((await fetch(`${server.url}/api/2.0/stockpot/runs/${path}`)).status).toBe(status);
  });

  test('that is killed loses nothing that it had acknowledged', async () => {
    await using rig = await CliRig.create();
    const load = new ServerLoad();
    for (const kill of [1, 40, 90]) {
      await using server = await ServerProcess.start(rig);
      if (kill === 1) await server.api('registered-models/create', { name: 'm' });
      await load.until(server, kill, new Random(kill));
    }
    await using server = await ServerProcess.start(rig);
    expect(load.acknowledged).toBeGreaterThan(100);
    expect(await load.violations(server)).toEqual([]);
  });

  test('refuses a port that is taken, and to ask nobody who they are where others could reach it', async () => {
    await using rig = await CliRig.create();
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const taken = await rig.recipe('server', '--port', String(port), '--json');
    other.close();
    expect([taken.exit, JSON.parse(taken.err)]).toMatchObject([69, { code: 'ADDRESS_IN_USE' }]);
    const open = await rig.recipe('server', '--host', '0.0.0.0', '--auth', 'off');
    expect([open.exit, open.err.split('\n')[0]]).toEqual([
      2,
      'error: --auth off is for addresses of this machine alone (127.0.0.1, localhost, ::1), not 0.0.0.0 [USAGE]',
    ]);
    expect((await rig.recipe('server', '--port', '70000')).exit).toBe(2);
  });
});
