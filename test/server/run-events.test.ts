import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { journalPath } from '../../src/engine/read-journal.ts';
import { trackedRunId } from '../../src/engine/tracked-plan.ts';
import { createRun } from '../../src/tracking/mlflow/runs.ts';
import { AccessRig } from '../rigs/access-rig.ts';

const RUN = '20261124-141312-4f2a9c';

/** A run that has finished, with its journal in the server's home. */
function keepJournal({ server }: AccessRig, run: string): void {
  const path = journalPath(server.dir, run);
  mkdirSync(dirname(path), { recursive: true });
  const event = { type: 'run.finished', run, outcome: 'succeeded', seq: 1, at: 1 };
  writeFileSync(path, `${JSON.stringify(event)}\n`);
}

async function track({ server }: AccessRig, id: string, experimentId: string): Promise<void> {
  const run = { id, name: 'r', fallbackName: 'r', experimentId, user: 'ann', startTime: 1, tags: [] };
  await server.database.write((sql) => createRun(sql, run, 'mlflow-artifacts:'));
}

async function events(rig: AccessRig, token: string, id: string): Promise<[number, string]> {
  const { statusCode, body } = await rig.inject(
    { authorization: `Bearer ${token}` },
    { method: 'GET', url: `/api/2.0/stockpot/runs/${id}/events` },
  );
  return [statusCode, /"run":"([^"]*)"/.exec(body)?.[1] ?? ''];
}

test('the events of a run are found by its own id and by the one that tracking has for it', async () => {
  await using rig = AccessRig.create();
  const root = await rig.user('root', 'admin');
  for (const run of ['20261124-141312-000000', RUN, '20261125-000000-ffffff']) keepJournal(rig, run);
  expect(await events(rig, root, RUN)).toEqual([200, RUN]);
  expect(await events(rig, root, trackedRunId(RUN))).toEqual([200, RUN]);
  expect(await events(rig, root, trackedRunId('elsewhere'))).toEqual([404, '']);
});

test('by either they are for whoever may read the tracked run, whatever a run is called', async () => {
  await using rig = AccessRig.create();
  const ann = await rig.user('ann');
  const bob = await rig.user('bob');
  const { body } = await rig.post(ann, 'experiments/create', { name: 'hers' });
  const tracked = trackedRunId(RUN);
  await track(rig, tracked, String(body['experiment_id']));
  keepJournal(rig, RUN);
  for (const id of [RUN, tracked]) {
    expect([id, await events(rig, ann, id)]).toEqual([id, [200, RUN]]);
    expect([id, await events(rig, bob, id)]).toEqual([id, [403, '']]);
  }
  // One that is called as hers is tracked is no way to its events.
  keepJournal(rig, tracked);
  expect(await events(rig, ann, tracked)).toEqual([200, RUN]);
  expect(await events(rig, bob, tracked)).toEqual([403, '']);
});
