import { describe, expect, test } from 'vitest';
import { ServerRig } from '../rigs/server-rig.ts';

/** A registered model `m` with so many versions. */
async function withVersions(rig: ServerRig, count: number): Promise<void> {
  await rig.post('registered-models/create', { name: 'm' });
  for (let n = 0; n < count; n += 1)
    await rig.post('model-versions/create', { name: 'm', source: 's3://b/m' });
}

describe('a model version', () => {
  test('has the next number, and one that was deleted is never used again', async () => {
    await using rig = ServerRig.create();
    await withVersions(rig, 2);
    expect(await rig.send('DELETE', 'model-versions/delete', { name: 'm', version: '2' })).toEqual({
      status: 200,
      body: {},
    });
    const { body } = await rig.post('model-versions/create', { name: 'm', source: 's3://b/m' });
    expect(body['model_version']).toMatchObject({ version: '3', current_stage: 'None', status: 'READY' });
    expect(await rig.get('model-versions/get', { name: 'm', version: '2' })).toEqual({
      status: 404,
      body: { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'Model Version (name=m, version=2) not found' },
    });
  });

  test('whose files clients wrote here is one by its content', async () => {
    await using rig = ServerRig.create();
    const run = await rig.run();
    for (const path of ['MLmodel', 'data/model.bin'])
      await rig.app.inject({
        method: 'PUT',
        url: `/api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/model/${path}`,
        headers: { host: 'localhost' },
        payload: `bytes of ${path}`,
      });
    await rig.post('registered-models/create', { name: 'm' });
    const { body } = await rig.post('model-versions/create', {
      name: 'm',
      source: `runs:/${run}/model`,
      run_id: run,
    });
    expect(body['model_version']).toMatchObject({
      source: `mlflow-artifacts:/0/${run}/artifacts/model`,
      run_id: run,
    });
    await rig.post('model-versions/create', { name: 'm', source: 'models:/m/1' });
    const { body: both } = await rig.get('model-versions/search', { filter: "name = 'm'" });
    const versions = both['model_versions'] as { source: string }[];
    expect(versions.map(({ source }) => source)).toEqual([
      `mlflow-artifacts:/0/${run}/artifacts/model`,
      `mlflow-artifacts:/0/${run}/artifacts/model`,
    ]);
  });

  test.each([
    'file:///etc/passwd',
    '/etc/passwd',
    '../up',
    'http://evil/x',
    'mlflow-artifacts:/0/../../etc',
    'mlflow-artifacts:/0/%2e%2e/etc',
    's3://b/m?x=1',
    's3://b/m#f',
    's3://b/m;x',
    's3://b/m\\..\\x',
    's3://b/m\u0000',
    's3://b/m\n',
    'runs:/abc',
    'runs:/abc/../../etc',
    'runs:/abc/%252e%252e/etc',
    'models:/m@champion',
    'models:/m-0/../x',
    'mlflow-artifacts:/0/%252e%252e/etc',
    'mlflow-artifacts:/0/..;/etc',
    'mlflow-artifacts:/0/..\\etc',
    'mlflow-artifacts://evil.example/0/x?',
    'mlflow-artifacts:',
    '://etc/passwd',
    ':/etc/passwd',
    '//etc/passwd',
    '\\\\server\\share',
    'C:\\Windows',
    'file:',
    'file:etc/passwd',
    'file://localhost/etc/passwd',
    'FILE:///etc/passwd',
    'S3://b/m',
    'data:text/plain,x',
    'jar:file:///etc/x!/y',
    'gopher://127.0.0.1/x',
    '{{ 7 * 7 }}',
    '$(touch /tmp/x)',
    '`id`',
  ])('has no source like %s', async (source) => {
    await using rig = ServerRig.create();
    await rig.post('registered-models/create', { name: 'm' });
    const { status, body } = await rig.post('model-versions/create', { name: 'm', source });
    expect([status, body['error_code']]).toEqual([400, 'INVALID_PARAMETER_VALUE']);
  });

  test('moves between stages, and what was there is archived if that is asked for', async () => {
    await using rig = ServerRig.create();
    await withVersions(rig, 2);
    const move = (version: string, stage: string, archive: boolean): ReturnType<ServerRig['post']> =>
      rig.post('model-versions/transition-stage', {
        name: 'm',
        version,
        stage,
        archive_existing_versions: archive,
      });
    await move('1', 'production', false);
    await move('2', 'Production', true);
    const { body } = await rig.post('registered-models/get-latest-versions', { name: 'm' });
    const latest = body['model_versions'] as { version: string; current_stage: string }[];
    expect(latest.map(({ version, current_stage }) => [version, current_stage])).toEqual([
      ['1', 'Archived'],
      ['2', 'Production'],
    ]);
    expect((await move('1', 'None', true)).body).toMatchObject({ error_code: 'INVALID_PARAMETER_VALUE' });
    expect((await move('1', 'Nowhere', false)).status).toBe(400);
  });
});

describe('an alias', () => {
  test('points to one version, and goes with it', async () => {
    await using rig = ServerRig.create();
    await withVersions(rig, 2);
    await rig.post('registered-models/alias', { name: 'm', alias: 'champion', version: '1' });
    await rig.post('registered-models/alias', { name: 'm', alias: 'champion', version: '2' });
    const { body } = await rig.get('registered-models/alias', { name: 'm', alias: 'champion' });
    expect(body['model_version']).toMatchObject({ version: '2', aliases: ['champion'] });
    await rig.send('DELETE', 'model-versions/delete', { name: 'm', version: '2' });
    expect(await rig.get('registered-models/alias', { name: 'm', alias: 'champion' })).toEqual({
      status: 400,
      body: { error_code: 'INVALID_PARAMETER_VALUE', message: 'Registered model alias champion not found.' },
    });
  });

  test.each(['latest', 'v1', 'a b', ''])('is not called %j', async (alias) => {
    await using rig = ServerRig.create();
    await withVersions(rig, 1);
    expect((await rig.post('registered-models/alias', { name: 'm', alias, version: '1' })).status).toBe(400);
  });
});

describe('a registered model', () => {
  test('takes its versions, tags and aliases along when it is renamed', async () => {
    await using rig = ServerRig.create();
    await withVersions(rig, 1);
    await rig.post('registered-models/set-tag', { name: 'm', key: 'team', value: 'blue' });
    await rig.post('model-versions/set-tag', { name: 'm', version: '1', key: 'ok', value: 'yes' });
    await rig.post('registered-models/alias', { name: 'm', alias: 'champion', version: '1' });
    await rig.post('registered-models/rename', { name: 'm', new_name: 'n' });
    const { body } = await rig.get('registered-models/get', { name: 'n' });
    expect(body['registered_model']).toMatchObject({
      name: 'n',
      tags: [{ key: 'team', value: 'blue' }],
      aliases: [{ alias: 'champion', version: '1' }],
      latest_versions: [
        { name: 'n', version: '1', tags: [{ key: 'ok', value: 'yes' }], aliases: ['champion'] },
      ],
    });
    expect((await rig.get('registered-models/get', { name: 'm' })).status).toBe(404);
  });

  test.each(['a/b', 'a:b', 'a%2fb', ' ', 'a\nb'])('is not called %j', async (name) => {
    await using rig = ServerRig.create();
    const { status, body } = await rig.post('registered-models/create', { name });
    expect([status, body['error_code']]).toEqual([400, 'INVALID_PARAMETER_VALUE']);
  });

  test('shares no name with a prompt', async () => {
    await using rig = ServerRig.create();
    const tags = [{ key: 'mlflow.prompt.is_prompt', value: 'true' }];
    const create = async (body: object): Promise<unknown> =>
      (await rig.post('registered-models/create', body)).body['message'];
    await create({ name: 'p', tags });
    await create({ name: 'm' });
    expect(await create({ name: 'p' })).toBe(
      "Tried to create a registered model with name 'p', but the name is already taken by a prompt. MLflow does not allow creating a model and a prompt with the same name.",
    );
    expect(await create({ name: 'm', tags })).toBe(
      "Tried to create a prompt with name 'm', but the name is already taken by a registered model. MLflow does not allow creating a model and a prompt with the same name.",
    );
    expect(await create({ name: 'p', tags })).toBe('Prompt (name=p) already exists.');
  });

  test('is there once, and gone when it is deleted', async () => {
    await using rig = ServerRig.create();
    await withVersions(rig, 1);
    expect((await rig.post('registered-models/create', { name: 'm' })).body).toEqual({
      error_code: 'RESOURCE_ALREADY_EXISTS',
      message: 'Registered Model (name=m) already exists.',
    });
    await rig.send('DELETE', 'registered-models/delete', { name: 'm' });
    expect((await rig.get('registered-models/search')).body).toEqual({ registered_models: [] });
  });
});
