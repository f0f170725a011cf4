import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AccessRig } from '../rigs/access-rig.ts';
import { ArtifactsDisk, SECRET } from '../rigs/artifacts-disk.ts';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

const PROXY = '/api/2.0/mlflow-artifacts/artifacts';

describe('where clients write to the folder themselves', () => {
  test('runs lie there, and their files are read by run, version and logged model', async () => {
    using disk = new ArtifactsDisk();
    await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: true });
    const run = await rig.run();
    const uri = disk.of(`0/${run}/artifacts`);
    expect((await rig.get('runs/get', { run_id: run })).body).toMatchObject({
      run: { info: { artifact_uri: uri } },
    });
    expect((await rig.get('experiments/get', { experiment_id: '0' })).body).toMatchObject({
      experiment: { artifact_location: disk.of('0') },
    });
    disk.write(`0/${run}/artifacts/m/MLmodel`, 'flavors');
    expect((await rig.get('artifacts/list', { run_id: run, path: 'm' })).body).toEqual({
      root_uri: uri,
      files: [{ path: 'm/MLmodel', is_dir: false, file_size: 7 }],
    });
    await rig.post('registered-models/create', { name: 'm' });
    for (const source of [`${uri}/m`, `file://${uri}/m/`, `runs:/${run}/m`])
      expect(
        (await rig.post('model-versions/create', { name: 'm', source, run_id: run })).body,
      ).toMatchObject({
        model_version: { source: `${uri}/m` },
      });
    const digests = await rig.database.read((sql) =>
      sql.all('SELECT DISTINCT model_digest FROM model_versions'),
    );
    expect(digests).toEqual([{ model_digest: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
    const { body } = await rig.post('logged-models', { experiment_id: '0', name: 'forest' });
    const { info } = body['model'] as { info: { model_id: string; artifact_uri: string } };
    expect(info.artifact_uri).toBe(disk.of(`0/models/${info.model_id}/artifacts`));
    disk.write(`0/models/${info.model_id}/artifacts/MLmodel`, 'trees');
    const upload = await rig.app.inject({
      method: 'POST',
      url: `/ajax-api/2.0/mlflow/upload-artifact?run_uuid=${run}&path=notes`,
      headers: HOST,
      payload: 'sent',
    });
    expect([upload.statusCode, disk.read(`0/${run}/artifacts/notes`)]).toEqual([200, 'sent']);
    const found: string[] = [];
    for (const url of [
      `/get-artifact?run_id=${run}&path=m/MLmodel`,
      '/model-versions/get-artifact?name=m&version=1&path=MLmodel',
      `/ajax-api/2.0/mlflow/logged-models/${info.model_id}/artifacts/files?artifact_file_path=MLmodel`,
      `${PROXY}/0/${run}/artifacts/m/MLmodel`,
    ])
      found.push((await rig.app.inject({ method: 'GET', url, headers: HOST })).body);
    expect(found).toEqual(['flavors', 'flavors', 'trees', 'flavors']);
  });

  test.each([
    ['/etc', 400],
    ['/etc/passwd', 400],
    ['file:///etc/passwd', 400],
    ['file:/etc/passwd', 400],
    ['DIR', 400],
    ['DIR/', 400],
    ['DIR/../outside', 400],
    ['DIR/0/../../outside', 400],
    ['DIR/0/%2e%2e/%2e%2e/outside', 400],
    ['DIR/./0', 400],
    ['DIR//0/r', 200],
    ['DIR/0//r', 400],
    ['DIR/0/r\0', 400],
    ['DIR/0/r?x', 400],
    ['DIR/0/r#x', 400],
    ['DIR-beside/0/r', 400],
    ['file://elsewhere/DIR/0/r', 400],
    ['//DIR/0/r', 400],
    ['C:\\artifacts\\0', 400],
    ['C:/artifacts/0', 400],
    ['file:///C:/artifacts/0', 400],
    ['\\\\host\\share', 400],
    ['DIR/0/r/model', 200],
  ])('a version has the source %s: %i', async (source, status) => {
    using disk = new ArtifactsDisk();
    await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: true });
    await rig.post('registered-models/create', { name: 'm' });
    const answer = await rig.post('model-versions/create', {
      name: 'm',
      source: source.replace('DIR', disk.dir),
    });
    expect(answer.status).toBe(status);
    expect(rig.bugs).toEqual([]);
  });

  test('spans of a trace are its file, and so is what others put beside them', async () => {
    using disk = new ArtifactsDisk();
    await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: true });
    const span = {
      traceId: '0a'.repeat(16),
      spanId: '0b'.repeat(8),
      name: 'predict',
      startTimeUnixNano: '1',
    };
    await rig.app.inject({
      method: 'POST',
      url: '/v1/traces',
      payload: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
      headers: { ...HOST, 'x-mlflow-experiment-id': '0', 'content-type': 'application/json' },
    });
    const id = `tr-${'0a'.repeat(16)}`;
    disk.write(`0/traces/${id}/artifacts/attachments/a`, 'attached');
    const get = async (query: string): Promise<string> => {
      const url = `/ajax-api/2.0/mlflow/get-trace-artifact?request_id=${id}${query}`;
      return (await rig.app.inject({ method: 'GET', url, headers: HOST })).body;
    };
    expect(JSON.parse(await get(''))).toMatchObject({ spans: [{ name: 'predict' }] });
    expect(await get('&path=a')).toBe('attached');
  });

  test('no file outside is got by a run, a version or a model', async () => {
    using disk = new ArtifactsDisk();
    await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: true });
    const run = await rig.run();
    disk.write(`0/${run}/artifacts/m/MLmodel`, 'flavors');
    disk.link(`0/${run}/artifacts/m/link`, join(disk.outside, 'secret'));
    disk.link(`0/${run}/artifacts/out`, disk.outside);
    await rig.post('registered-models/create', { name: 'm' });
    await rig.post('model-versions/create', { name: 'm', source: `runs:/${run}/m` });
    for (const url of [
      `/get-artifact?run_id=${run}&path=`,
      `/model-versions/get-artifact?name=m&version=1&path=`,
    ])
      for (const path of [
        'link',
        'out/secret',
        '../out/secret',
        '../../../../outside/secret',
        '/etc/passwd',
        '%2e%2e%2fx',
        'a%00',
      ]) {
        const { statusCode, body } = await rig.app.inject({
          method: 'GET',
          url: `${url}${path}`,
          headers: HOST,
        });
        expect([path, [400, 404].includes(statusCode), body.includes(SECRET)]).toEqual([path, true, false]);
      }
    expect(rig.bugs).toEqual([]);
  });

  test('files are for who may read the experiment or the model, as everywhere', async () => {
    using disk = new ArtifactsDisk();
    await using rig = AccessRig.create({ folder: { dir: disk.dir, isRoot: true } });
    const [ann, bob] = [await rig.user('ann'), await rig.user('bob')];
    await rig.post(ann, 'experiments/create', { name: 'e' });
    const { run } = (await rig.post(ann, 'runs/create', { experiment_id: '1' })).body as {
      run: { info: { run_id: string; artifact_uri: string } };
    };
    const { run_id, artifact_uri } = run.info;
    disk.write(`1/${run_id}/artifacts/model/MLmodel`, 'flavors');
    disk.write(`1/${run_id}/artifacts/secret`, SECRET);
    const get = async (token: string, url: string): Promise<number> =>
      (await rig.inject({ authorization: `Bearer ${token}` }, { method: 'GET', url })).statusCode;
    const source = `${artifact_uri}/model`;
    await rig.post(bob, 'registered-models/create', { name: 'mine' });
    for (const at of [source, `file://${source}`, disk.of('1'), artifact_uri])
      expect([
        at,
        (await rig.post(bob, 'model-versions/create', { name: 'mine', source: at })).status,
      ]).toEqual([at, 403]);
    await rig.post(ann, 'registered-models/create', { name: 'm' });
    expect((await rig.post(ann, 'model-versions/create', { name: 'm', source })).status).toBe(200);
    const file = `${PROXY}/1/${run_id}/artifacts/model/MLmodel`;
    const secret = `${PROXY}/1/${run_id}/artifacts/secret`;
    expect([await get(ann, file), await get(bob, file)]).toEqual([200, 403]);
    await rig.grant('READ', { kind: 'model', name: 'm' }, 'user:bob');
    expect([await get(bob, file), await get(bob, secret)]).toEqual([200, 403]);
    expect(await get(bob, '/model-versions/get-artifact?name=m&version=1&path=MLmodel')).toBe(200);
    expect(await get(bob, `/get-artifact?run_id=${run_id}&path=model/MLmodel`)).toBe(403);
  });
});
