import { describe, expect, test } from 'vitest';
import { shardPath } from '../../src/store/layout.ts';
import { eventsOf, outcomes } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { RedisRig } from '../rigs/redis-rig.ts';
import { lastRun, type ShownRun, stepRuns } from '../rigs/tracked-runs.ts';

const missing = await RedisRig.missing();

/** What any client does, without one: what it logs goes where the step's variables say. */
const FIT = `const { MLFLOW_TRACKING_URI: at, MLFLOW_TRACKING_TOKEN: token, MLFLOW_RUN_ID: run_id } = process.env;
const send = async (method, path, type, body) => {
  const headers = { authorization: 'Bearer ' + token, 'content-type': type };
  const answer = await fetch(at + '/api/2.0/' + path, { method, headers, body });
  if (!answer.ok) throw new Error(path + ': ' + (await answer.text()));
  return answer.json();
};
const log = (path, body) => send('POST', 'mlflow/runs/' + path, 'application/json', JSON.stringify({ run_id, ...body }));
for (const step of [0, 1]) await log('log-metric', { key: 'loss', value: 1 / (step + 1), timestamp: 100 + step, step });
await log('log-parameter', { key: 'chosen', value: 'yes' });
const { run } = await send('GET', 'mlflow/runs/get?run_id=' + run_id, 'application/json');
const folder = run.info.artifact_uri.replace('mlflow-artifacts:/', '');
await send('PUT', 'mlflow-artifacts/artifacts/' + folder + '/notes.txt', 'text/plain', 'from a worker');
`;
const FILES = {
  'recipe.yaml': 'steps:\n  fit: { run: [node, fit.mjs], code: fit.mjs, outputs: {}, mlflow: true }\n',
  'fit.mjs': FIT,
};

function shape({ params, metrics, history, artifacts }: ShownRun): object {
  return { params, metrics, history, artifacts: artifacts.map(({ path, digest }) => [path, digest]) };
}

describe.skipIf(missing !== undefined)('a step with `mlflow: true` on a worker', () => {
  test('logs into its run where it is driven; a hit of another machine shows it again', async () => {
    await using fleet = await FleetRig.start();
    await fleet.worker();
    const first = await fleet.project(FILES);
    const ran = await first.recipe('run', '-p', 'fleet', '--json');
    const failed = eventsOf(ran.out).find(({ type }) => type === 'step.failed');
    expect([outcomes(eventsOf(ran.out)), failed]).toEqual([{ fit: 'succeeded' }, undefined]);
    expect(eventsOf(ran.out)).toContainEqual(
      expect.objectContaining({ type: 'step.started', worker: expect.any(String) }),
    );
    const { fit } = await stepRuns(first, await lastRun(first));
    expect(fit).toMatchObject({
      status: 'FINISHED',
      params: { chosen: 'yes' },
      metrics: { loss: 0.5 },
      history: {
        loss: [
          { step: 0, timestamp: 100, value: 1 },
          { step: 1, timestamp: 101, value: 0.5 },
        ],
      },
      artifacts: [{ path: 'notes.txt', kind: 'file' }],
    });

    // Neither the fleet nor the home that had the result: the shared cache alone.
    const second = await fleet.project(FILES);
    expect(await second.run()).toEqual({ fit: 'cached' });
    const again = (await stepRuns(second, await lastRun(second)))['fit'];
    expect(again === undefined ? undefined : shape(again)).toEqual(
      fit === undefined ? undefined : shape(fit),
    );
    // Its bytes come when they are wanted.
    expect(await second.recipe('cache', 'pull')).toMatchObject({ exit: 0, err: '' });
    const { digest = '' } = again?.artifacts[0] ?? {};
    expect(await second.read(shardPath('.stockpot/cache/cas', digest))).toBe('from a worker');
  });
});
