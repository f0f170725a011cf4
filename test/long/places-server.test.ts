import { createServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { describeTeamModels } from '../conformance/describe-team-models.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { RegistryRig } from '../rigs/registry-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';
import { ServerRig } from '../rigs/server-rig.ts';
import { lastRun, listRuns, stepRuns } from '../rigs/tracked-runs.ts';

const STEP = `import json, os
task = json.load(open(os.environ['STOCKPOT_STEP']))
with open(task['report'], 'a') as report:
    for step in range(3):
        report.write(json.dumps({'type': 'metric', 'key': 'loss', 'value': 1 / (step + 1), 'step': step}) + '\\n')
    report.write(json.dumps({'type': 'dataset', 'name': 'flights', 'digest': 'd1', 'source': 'x', 'context': 'training'}) + '\\n')
open(os.environ['OUT_y'], 'w').write('{"a": 1}')
`;
const RECIPE =
  'steps:\n  fit: { uses: ./fit.py, with: { k: 1 }, outputs: { y: { path: y.json, kind: value } } }\n';

/** A server on a home of its own, and its address. */
async function teamServer(): Promise<{ server: ServerRig; url: string } & AsyncDisposable> {
  const server = ServerRig.create();
  const url = `http://localhost:${await server.listen()}`;
  return { server, url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

async function bytes(url: string, path: string): Promise<string> {
  return (await fetch(`${url}/api/2.0/mlflow-artifacts/artifacts/${path}`)).text();
}

describe('recipes that write to a tracking server', () => {
  test('leave there what they leave in a database, and commands read it back', async () => {
    await using team = await teamServer();
    await using rig = await CliRig.create({
      'recipe.yaml': RECIPE,
      'fit.py': STEP,
      'profiles/local.yaml': `tracking: ${team.url}\n`,
    });
    expect(await rig.run()).toEqual({ fit: 'succeeded' });
    const run = await lastRun(rig);
    expect(run).toMatchObject({
      status: 'FINISHED',
      params: { 'fit.k': '1' },
      metrics: { loss: 1 / 3 },
      artifacts: [{ path: 'steps.json' }],
      children: [{ name: 'fit', status: 'FINISHED' }],
    });
    expect(run.history['loss']?.map(({ step, value }) => [step, value])).toEqual([
      [0, 1],
      [1, 1 / 2],
      [2, 1 / 3],
    ]);
    const { fit } = await stepRuns(rig, run);
    expect(fit).toMatchObject({
      artifacts: [{ path: 'y.json', kind: 'value' }],
      datasets: [{ name: 'flights', digest: 'd1', context: 'training' }],
    });

    const { body } = await team.server.post('runs/search', {
      experiment_ids: ['1'],
      order_by: ['start_time ASC'],
    });
    const [parent, child] = body['runs'] as {
      info: { run_id: string; artifact_uri: string };
      data: unknown;
    }[];
    expect(child?.data).toMatchObject({
      tags: expect.arrayContaining([{ key: 'mlflow.parentRunId', value: parent?.info.run_id }]),
    });
    const root = (uri = ''): string => uri.replace('mlflow-artifacts:/', '');
    expect(await bytes(team.url, `${root(child?.info.artifact_uri)}/y.json`)).toBe('{"a": 1}');
    expect(JSON.parse(await bytes(team.url, `${root(parent?.info.artifact_uri)}/steps.json`))).toMatchObject({
      steps: { fit: { state: 'succeeded' } },
    });

    // In another place the same result is known, and its run is not made twice.
    expect(await rig.run()).toEqual({ fit: 'cached' });
    expect((await listRuns(rig, '--steps')).map(({ name }) => name.split(' ').length)).toEqual([2, 1, 2]);
  });

  test('go on without it, say so once, and write what is missing when it is there again', async () => {
    await using team = await CliRig.create();
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'fit.py': STEP });
    const first = await ServerProcess.start(team);
    rig.env['STOCKPOT_TRACKING_URL'] = first.url;
    const port = new URL(first.url).port;
    await first.end('SIGTERM');
    const { exit, err } = await rig.recipe('run');
    expect([exit, err]).toEqual([
      0,
      `warning: tracking could not be written: Cannot reach the tracking server ${first.url}: connect ECONNREFUSED 127.0.0.1:${port}\n`,
    ]);
    const unreached = await rig.recipe('runs', 'list', '--json');
    expect([unreached.exit, unreached.err.split('\n')[0]]).toEqual([
      69,
      expect.stringMatching(/^warning: tracking of the run \S+ is not complete: Cannot reach/),
    ]);
    await using _ = await ServerProcess.start(team, '--port', port);
    const run = await lastRun(rig);
    expect(run).toMatchObject({ status: 'FINISHED', children: [{ name: 'fit', status: 'FINISHED' }] });
    expect((await rig.recipe('runs', 'list')).err).toBe('');
    expect(await listRuns(rig, '--steps')).toHaveLength(2);
  });

  test.each([
    // The first write comes as the step begins, the second when it has ended.
    ['tracking.after-commit@1', 'KILLED|FINISHED'],
    ['tracking.before-write@2', 'FINISHED'],
  ])('killed at %s: every run is there once, as the journal says', async (failpoint, status) => {
    await using team = await teamServer();
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'fit.py': STEP });
    rig.env['STOCKPOT_TRACKING_URL'] = team.url;
    rig.env['STOCKPOT_FAILPOINT'] = failpoint;
    expect(await rig.recipe('run')).toMatchObject({ signal: 'SIGKILL' });
    delete rig.env['STOCKPOT_FAILPOINT'];
    const outcomes = await Promise.all([0, 1].map(() => rig.recipe('runs', 'list', '--json')));
    expect(outcomes.map(({ exit, err }) => [exit, err])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    const run = await lastRun(rig);
    expect(run.children).toMatchObject([{ name: 'fit', status: expect.stringMatching(status) }]);
    // What the step said until then; each point once.
    const points = (await stepRuns(rig, run))['fit']?.history['loss'] ?? [];
    expect(points.map(({ step }) => step)).toEqual(
      status === 'FINISHED' ? [0, 1, 2] : points.map((_, step) => step),
    );
    expect(await listRuns(rig, '--steps')).toHaveLength(2);
  });

  test('ask as who they are told to be', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'fit.py': STEP });
    const asked: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      asked.push(request.headers.authorization);
      response.writeHead(401, { 'content-type': 'application/json' });
      response.end('{"error_code": "UNAUTHENTICATED", "message": "who?"}');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    rig.env['STOCKPOT_TRACKING_URL'] = `http://127.0.0.1:${port}`;
    const refused = await rig.recipe('runs', 'list', '--json');
    expect([refused.exit, JSON.parse(refused.err)]).toMatchObject([
      69,
      { code: 'TRACKING_REFUSED', message: expect.stringContaining('UNAUTHENTICATED, who?') },
    ]);
    const kept = { [`http://127.0.0.1:${port}`]: { token: 'kept', username: 'ann' } };
    await rig.write('.config/stockpot/credentials.json', JSON.stringify(kept));
    await rig.recipe('runs', 'list');
    rig.env['MLFLOW_TRACKING_USERNAME'] = 'ann';
    rig.env['MLFLOW_TRACKING_PASSWORD'] = 'pw';
    await rig.recipe('runs', 'list');
    rig.env['STOCKPOT_TOKEN'] = 'token';
    await rig.recipe('runs', 'list');
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const basic = Buffer.from('ann:pw').toString('base64');
    expect(asked).toEqual([undefined, 'Bearer kept', `Basic ${basic}`, 'Bearer token']);
  });
});

describeTeamModels('recipe server', teamServer);

describe('models', () => {
  test('may be on another server than the runs', async () => {
    await using team = await teamServer();
    await using rig = await RegistryRig.create();
    rig.cli.env['STOCKPOT_REGISTRY_URL'] = team.url;
    expect(await rig.train(1)).toMatchObject({ effect: 'done' });
    expect((await rig.show()).versions).toMatchObject([{ version: '1' }]);
    expect(await listRuns(rig.cli)).toHaveLength(1);
    const { body } = await team.server.get('model-versions/get', { name: 'm', version: '1' });
    const { source } = body['model_version'] as { source: string };
    expect(await bytes(team.url, `${source.replace('mlflow-artifacts:/', '')}/MLmodel`)).toBe('n: 1\n');
  });
});
