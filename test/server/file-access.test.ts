import { describe, expect, test } from 'vitest';
import type { Digest } from '../../src/core/ids.ts';
import { digestOf } from '../../src/store/hash.ts';
import { treeText } from '../../src/store/trees.ts';
import { SqlRegistry } from '../../src/tracking/sql-registry.ts';
import { AccessRig } from '../rigs/access-rig.ts';

describe('files', () => {
  const FILES = '/api/2.0/mlflow-artifacts/artifacts';
  const UPLOAD = '/ajax-api/2.0/mlflow/upload-artifact';
  const OF_VERSION = '/model-versions/get-artifact?name=m&version=1&path=MLmodel';

  async function withFile(rig: AccessRig): Promise<{ ann: string; bob: string; run: string; path: string }> {
    const ann = await rig.user('ann');
    const bob = await rig.user('bob');
    await rig.post(ann, 'experiments/create', { name: 'e' });
    const { run } = (await rig.post(ann, 'runs/create', { experiment_id: '1' })).body as {
      run: { info: { run_id: string } };
    };
    const id = run.info.run_id;
    return { ann, bob, run: id, path: `1/${id}/artifacts/model/MLmodel` };
  }

  async function send(
    rig: AccessRig,
    token: string | undefined,
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
  ): Promise<number> {
    const { statusCode } = await rig.inject(token === undefined ? {} : { authorization: `Bearer ${token}` }, {
      method,
      url,
      ...(method === 'PUT' || method === 'POST'
        ? { payload: 'x', headers: { 'content-type': 'text/plain' } }
        : {}),
    });
    return statusCode;
  }

  test('of an experiment are for who may read, edit or manage it', async () => {
    await using rig = AccessRig.create();
    const { ann, bob, run, path } = await withFile(rig);
    const logged = await rig.post(ann, 'logged-models', { experiment_id: '1', name: 'l' });
    const { info } = logged.body['model'] as { info: { model_id: string } };
    const ofLogged = `/ajax-api/2.0/mlflow/logged-models/${info.model_id}/artifacts/files?artifact_file_path=x`;
    const all = async (token: string | undefined): Promise<number[]> => {
      const statuses: number[] = [];
      for (const [method, url] of [
        ['PUT', `${FILES}/${path}`],
        ['GET', `${FILES}/${path}`],
        ['GET', `${FILES}?path=1/${run}/artifacts`],
        ['GET', `/get-artifact?run_id=${run}&path=model/MLmodel`],
        ['POST', `${UPLOAD}?run_uuid=${run}&path=notes`],
        ['DELETE', `${FILES}/${path}`],
      ] as const)
        statuses.push(await send(rig, token, method, url));
      return statuses;
    };
    expect(await all(undefined)).toEqual([401, 401, 401, 401, 401, 401]);
    expect(await all(bob)).toEqual([403, 403, 403, 403, 403, 403]);
    const traced = await rig.post(ann, 'traces', { experiment_id: '1', timestamp_ms: 1 });
    const { request_id } = traced.body['trace_info'] as { request_id: string };
    const ofTrace = `/ajax-api/2.0/mlflow/get-trace-artifact?request_id=${request_id}`;
    for (const url of [ofLogged, ofTrace])
      expect([await send(rig, undefined, 'GET', url), await send(rig, bob, 'GET', url)]).toEqual([401, 403]);
    expect(await send(rig, ann, 'GET', ofLogged)).toBe(404);
    await rig.grant('EDIT', { kind: 'experiment', id: '1' }, 'user:bob');
    expect(await all(bob)).toEqual([200, 200, 200, 200, 200, 403]);
    await rig.grant('READ', { kind: 'experiment', id: '1' }, 'user:bob');
    expect(await all(bob)).toEqual([403, 200, 200, 200, 403, 403]);
    expect(await all(ann)).toEqual([200, 200, 200, 200, 200, 200]);
  });

  test('are not sent for a run of others by naming one’s own beside it', async () => {
    await using rig = AccessRig.create();
    const { ann, bob, run } = await withFile(rig);
    await rig.post(bob, 'experiments/create', { name: 'bobs' });
    const { run: own } = (await rig.post(bob, 'runs/create', { experiment_id: '2' })).body as {
      run: { info: { run_id: string } };
    };
    const both = `run_id=${own.info.run_id}&run_uuid=${run}`;
    expect(await send(rig, bob, 'POST', `${UPLOAD}?${both}&path=notes`)).toBe(403);
    expect(await send(rig, ann, 'GET', `/get-artifact?run_id=${run}&path=notes`)).toBe(404);
  });

  test('of a version are for who may read the model, and only they', async () => {
    await using rig = AccessRig.create();
    const { ann, bob, run, path } = await withFile(rig);
    await send(rig, ann, 'PUT', `${FILES}/${path}`);
    await send(rig, ann, 'PUT', `${FILES}/1/${run}/artifacts/secret`);
    await rig.post(ann, 'registered-models/create', { name: 'm' });
    await rig.post(ann, 'model-versions/create', { name: 'm', source: `runs:/${run}/model` });
    expect(await send(rig, bob, 'GET', `${FILES}/${path}`)).toBe(403);
    expect(await send(rig, bob, 'GET', OF_VERSION)).toBe(403);
    await rig.grant('READ', { kind: 'model', name: 'm' }, 'user:bob');
    expect(await send(rig, bob, 'GET', `${FILES}/${path}`)).toBe(200);
    expect(await send(rig, bob, 'GET', OF_VERSION)).toBe(200);
    expect(await send(rig, undefined, 'GET', OF_VERSION)).toBe(401);
    expect(await send(rig, bob, 'GET', `${FILES}?path=1/${run}/artifacts/model`)).toBe(200);
    expect(await send(rig, bob, 'GET', `${FILES}/1/${run}/artifacts/secret`)).toBe(403);
    expect(await send(rig, bob, 'PUT', `${FILES}/${path}`)).toBe(403);
  });

  test('that a version can be made from again are for who may read its model', async () => {
    await using rig = AccessRig.create();
    const bob = await rig.user('bob');
    const { blobs } = rig.server.store;
    const { digest, size } = blobs.putBytes('{}');
    const folder = (path: string): Digest => blobs.putBytes(treeText([{ path, digest, size }])).digest;
    const register = async (letter: string, reproduction: Digest): Promise<void> => {
      await new SqlRegistry(rig.server.database, {
        now: () => 1,
        actor: 'ann',
        pins: { keep: async () => {} },
      }).register({
        name: 'm',
        modelDigest: letter.repeat(64) as Digest,
        modelSize: 1,
        tags: {},
        reproduction: async () => ({ digest: reproduction, size }),
      });
    };
    const [real, other, unknown] = ['reproduction.json', 'secret', 'x/reproduction.json'].map(folder);
    await register('a', real ?? digest);
    await register('b', other ?? digest);
    const statuses = async (): Promise<number[]> => {
      const found: number[] = [];
      for (const path of [`${real}/reproduction.json`, `${other}/secret`, `${unknown}/x/reproduction.json`])
        found.push(await send(rig, bob, 'GET', `${FILES}/reproductions/${path}`));
      return found;
    };
    expect(await statuses()).toEqual([403, 403, 403]);
    await rig.grant('READ', { kind: 'model', name: 'm' }, 'user:bob');
    // A tag names no folder but one that is a reproduction.
    expect(await statuses()).toEqual([200, 404, 403]);
  });

  test('of others are not got by a tag that says a model of one’s own can be made from them', async () => {
    await using rig = AccessRig.create();
    const { ann, bob, path } = await withFile(rig);
    expect(await send(rig, ann, 'PUT', `${FILES}/${path}`)).toBe(200);
    const { blobs } = rig.server.store;
    const { digest: model } = blobs.putBytes(treeText([{ path: 'MLmodel', ...blobs.putBytes('own') }]));
    const own = blobs.putBytes(treeText([{ path: 'reproduction.json', ...blobs.putBytes('{}') }]));
    const pins = { keep: async () => {} };
    await new SqlRegistry(rig.server.database, { now: () => 1, actor: 'bob', pins }).register({
      name: 'm',
      modelDigest: model,
      modelSize: 1,
      tags: {},
      reproduction: async () => own,
    });
    await rig.grant('MANAGE', { kind: 'model', name: 'm' }, 'user:bob');
    await rig.post(bob, 'registered-models/create', { name: 'n' });
    // A list of files that anybody can upload: it names what ann keeps.
    const list = treeText([{ path: 'reproduction.json', digest: digestOf('x'), size: 1 }]);
    const value = blobs.putBytes(list).digest;
    const forged = { key: 'stockpot.reproduction', value };
    const set = await rig.post(bob, 'model-versions/set-tag', { name: 'm', version: '1', ...forged });
    const from = { name: 'n', source: 'models:/m/1' };
    const made = await rig.post(bob, 'model-versions/create', { ...from, tags: [forged] });
    expect([set.status, made.status]).toEqual([400, 400]);
    expect(set.body['message']).toBe(made.body['message']);
    // Of a model that lies elsewhere it is the recipe's word; the server serves nothing by it.
    const beside = { name: 'n', source: 's3://b/m', tags: [forged] };
    expect((await rig.post(bob, 'model-versions/create', beside)).status).toBe(200);
    expect(await send(rig, bob, 'GET', `${FILES}/reproductions/${value}/reproduction.json`)).toBe(403);
    // A copy has what the version has that it was made of.
    const tags = [{ key: 'stockpot.reproduction', value: own.digest }];
    expect((await rig.post(bob, 'model-versions/create', { ...from, tags })).status).toBe(200);
    expect(await send(rig, bob, 'GET', `${FILES}/reproductions/${own.digest}/reproduction.json`)).toBe(200);
  });

  test('that lie beside its model are too, and nothing else beside it', async () => {
    await using rig = AccessRig.create();
    const { ann, bob, run, path } = await withFile(rig);
    const root = `1/${run}/artifacts`;
    const [own, other] = ['a'.repeat(64), 'b'.repeat(64)].map((digest) => digest.slice(0, 12));
    const paths = [
      path,
      `${root}/reproduction/${own}/reproduction.json`,
      `${root}/reproduction/${own}/reproduction/${other}/x`,
      `${root}/reproduction/${other}/reproduction.json`,
      `${root}/reproduction/notes`,
    ];
    for (const one of paths) await send(rig, ann, 'PUT', `${FILES}/${one}`);
    await rig.post(ann, 'registered-models/create', { name: 'm' });
    const tags = [{ key: 'stockpot.reproduction', value: 'a'.repeat(64) }];
    await rig.post(ann, 'model-versions/create', {
      name: 'm',
      source: `mlflow-artifacts:/${root}/model`,
      tags,
    });
    await rig.grant('READ', { kind: 'model', name: 'm' }, 'user:bob');
    const found = [];
    for (const one of paths) found.push(await send(rig, bob, 'GET', `${FILES}/${one}`));
    expect(found).toEqual([200, 200, 200, 403, 403]);
    expect(await send(rig, bob, 'GET', `${FILES}?path=${root}/reproduction/${own}`)).toBe(200);
    expect(await send(rig, bob, 'GET', `${FILES}?path=${root}/reproduction`)).toBe(403);
  });

  test('of others are not got by a model of one’s own that says it is made of them', async () => {
    await using rig = AccessRig.create();
    const { ann, bob, run, path } = await withFile(rig);
    await send(rig, ann, 'PUT', `${FILES}/${path}`);
    await rig.post(bob, 'registered-models/create', { name: 'mine' });
    await rig.post(ann, 'registered-models/create', { name: 'hers' });
    await rig.post(ann, 'model-versions/create', { name: 'hers', source: `runs:/${run}/model` });
    for (const source of [
      `runs:/${run}/model`,
      `mlflow-artifacts:/1/${run}/artifacts/model`,
      'mlflow-artifacts:/1',
      'models:/hers/1',
    ]) {
      const { status } = await rig.post(bob, 'model-versions/create', { name: 'mine', source });
      expect([source, status]).toEqual([source, 403]);
    }
  });

  test('of others are not got by an experiment that says it lies there', async () => {
    await using rig = AccessRig.create();
    const { ann, bob } = await withFile(rig);
    await rig.post(ann, 'experiments/create', { name: 'f', artifact_location: 'mlflow-artifacts:/team/ann' });
    await send(rig, ann, 'PUT', `${FILES}/team/ann/x/f`);
    for (const [name, place] of [
      ['a', 'mlflow-artifacts:/1'],
      ['b', 'mlflow-artifacts:/1/x'],
      ['c', 'mlflow-artifacts:/models'],
      ['r', `mlflow-artifacts:/reproductions/${'0'.repeat(64)}`],
      ['d', 'mlflow-artifacts:/'],
    ])
      expect([
        place,
        (await rig.post(bob, 'experiments/create', { name, artifact_location: place })).status,
      ]).toEqual([place, 400]);
    for (const [name, place] of [
      ['same', 'team/ann'],
      ['above', 'team'],
      ['below', 'team/ann/x'],
    ] as const) {
      await rig.post(bob, 'experiments/create', { name, artifact_location: `mlflow-artifacts:/${place}` });
      for (const method of ['GET', 'PUT', 'DELETE'] as const)
        expect([place, method, await send(rig, bob, method, `${FILES}/team/ann/x/f`)]).toEqual([
          place,
          method,
          403,
        ]);
      expect(await send(rig, bob, 'DELETE', `${FILES}/team`)).toBe(403);
    }
  });

  test('of a trace of others are not got by a tag of one’s own that says they are', async () => {
    await using rig = AccessRig.create();
    const { ann, bob, run } = await withFile(rig);
    await rig.post(bob, 'experiments/create', { name: 'bobs' });
    const traced = async (token: string, experiment_id: string): Promise<string> => {
      const { body } = await rig.post(token, 'traces', { experiment_id, timestamp_ms: 1 });
      return (body['trace_info'] as { request_id: string }).request_id;
    };
    const [hers, his] = [await traced(ann, '1'), await traced(bob, '2')];
    await send(rig, ann, 'PUT', `${FILES}/1/traces/${hers}/artifacts/traces.json`);
    await send(rig, ann, 'PUT', `${FILES}/1/${run}/artifacts/attachments/secret`);
    const ofTrace = '/ajax-api/2.0/mlflow/get-trace-artifact';
    expect(await send(rig, ann, 'GET', `${ofTrace}?request_id=${hers}`)).toBe(200);
    for (const folder of [`1/traces/${hers}/artifacts`, `1/${run}/artifacts`]) {
      const tag = { key: 'mlflow.artifactLocation', value: `mlflow-artifacts:/${folder}` };
      await rig.ask(bob, { method: 'PATCH', path: `2.0/mlflow/traces/${his}/tags`, body: tag });
      for (const path of ['', '&path=secret'])
        expect([folder, await send(rig, bob, 'GET', `${ofTrace}?request_id=${his}${path}`)]).toEqual([
          folder,
          404,
        ]);
    }
  });

  test('of no experiment are the administrators’', async () => {
    await using rig = AccessRig.create();
    const bob = await rig.user('bob');
    const root = await rig.user('root', 'admin');
    expect(await send(rig, bob, 'PUT', `${FILES}/elsewhere/f`)).toBe(403);
    expect(await send(rig, bob, 'GET', `${FILES}?path=`)).toBe(403);
    expect(await send(rig, root, 'PUT', `${FILES}/elsewhere/f`)).toBe(200);
  });
});
