import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import type { LightMyRequestResponse } from 'fastify';
import { describe, expect, test } from 'vitest';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

const PROXY = '/api/2.0/mlflow-artifacts/artifacts';

async function put(rig: ServerRig, path: string, payload: string | Buffer): Promise<number> {
  const { statusCode } = await rig.app.inject({
    method: 'PUT',
    url: `${PROXY}/${path}`,
    headers: HOST,
    payload,
  });
  return statusCode;
}

/** As it is written: most clients tidy a path up before they send it. */
async function statusOf(port: number, method: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', method, path, headers: HOST }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on('error', reject).end(method === 'PUT' ? 'x' : undefined);
  });
}

describe('a file', () => {
  test('comes back as it was written, whole and in part', async () => {
    await using rig = ServerRig.create();
    const bytes = randomBytes(300_000);
    expect(await put(rig, '0/r/artifacts/a/b.bin', bytes)).toBe(200);
    const get = (range?: string): Promise<LightMyRequestResponse> =>
      rig.app.inject({
        method: 'GET',
        url: `${PROXY}/0/r/artifacts/a/b.bin`,
        headers: { ...HOST, ...(range === undefined ? {} : { range }) },
      });
    const whole = await get();
    expect(whole.rawPayload.equals(bytes)).toBe(true);
    expect(whole.headers).toMatchObject({
      'content-length': '300000',
      'content-type': 'application/octet-stream',
      'content-disposition': "attachment; filename*=UTF-8''b.bin",
      'content-security-policy': 'sandbox',
      'x-content-type-options': 'nosniff',
      etag: `"${createHash('sha256').update(bytes).digest('hex')}"`,
    });
    for (const [range, from, to] of [
      ['bytes=10-19', 10, 20],
      ['bytes=299990-', 299_990, 300_000],
      ['bytes=-5', 299_995, 300_000],
      ['bytes=0-999999', 0, 300_000],
    ] as const) {
      const part = await get(range);
      expect([part.statusCode, part.headers['content-range']]).toEqual([
        206,
        `bytes ${from}-${to - 1}/300000`,
      ]);
      expect(part.rawPayload.equals(bytes.subarray(from, to))).toBe(true);
    }
    const beyond = await get('bytes=300000-');
    expect([beyond.statusCode, beyond.headers['content-range']]).toEqual([416, 'bytes */300000']);
  });

  test('is sent in part only to who has the rest of the same one', async () => {
    await using rig = ServerRig.create();
    const get = async (range: string, ifRange: string): Promise<readonly [number, string]> => {
      const headers = { ...HOST, range, 'if-range': ifRange };
      const url = `${PROXY}/0/r/artifacts/f`;
      const { statusCode, body } = await rig.app.inject({ method: 'GET', url, headers });
      return [statusCode, body];
    };
    await put(rig, '0/r/artifacts/f', 'first');
    const first = `"${createHash('sha256').update('first').digest('hex')}"`;
    expect(await get('bytes=3-', first)).toEqual([206, 'st']);
    await put(rig, '0/r/artifacts/f', 'second');
    expect(await get('bytes=3-', first)).toEqual([200, 'second']);
    expect(await get('bytes=9-', first)).toEqual([200, 'second']);
    expect(await get('bytes=3-', 'Fri, 27 Nov 2026 10:00:00 GMT')).toEqual([200, 'second']);
  });

  test('is listed by the names below a folder, and forgotten with it', async () => {
    await using rig = ServerRig.create();
    const run = await rig.run();
    for (const path of ['a/1.txt', 'a/b/2.txt', 'ab.txt', 'empty'])
      await put(rig, `0/${run}/artifacts/${path}`, path === 'empty' ? '' : 'x');
    expect((await rig.get('artifacts/list', { run_id: run })).body).toEqual({
      root_uri: `mlflow-artifacts:/0/${run}/artifacts`,
      files: [
        { path: 'a', is_dir: true },
        { path: 'ab.txt', is_dir: false, file_size: 1 },
        { path: 'empty', is_dir: false, file_size: 0 },
      ],
    });
    expect((await rig.get('artifacts/list', { run_id: run, path: 'a' })).body['files']).toEqual([
      { path: 'a/1.txt', is_dir: false, file_size: 1 },
      { path: 'a/b', is_dir: true },
    ]);
    expect((await rig.get('artifacts/list', { run_id: run, path: 'ab.txt' })).body['files']).toEqual([]);
    await rig.app.inject({ method: 'DELETE', url: `${PROXY}/0/${run}/artifacts/a`, headers: HOST });
    expect((await rig.get('artifacts/list', { run_id: run, path: 'a' })).body['files']).toEqual([]);
  });

  test('that is not there is 404, as clients give up at once then', async () => {
    await using rig = ServerRig.create();
    const { statusCode, body } = await rig.app.inject({
      method: 'GET',
      url: `${PROXY}/0/r/artifacts/none`,
      headers: HOST,
    });
    expect([statusCode, JSON.parse(body)]).toEqual([
      404,
      { error_code: 'RESOURCE_DOES_NOT_EXIST', message: "No such artifact: '0/r/artifacts/none'" },
    ]);
  });
});

describe('a path is a key, and never leads anywhere', () => {
  test.each([
    '../x',
    'a/../../x',
    '%2e%2e/x',
    'a/%2e%2e%2fx',
    'a%5c..%5cx',
    'a//b',
    './a',
    'a/.',
    'a%00b',
    'a%0ab',
  ])('%s', async (path) => {
    await using rig = ServerRig.create();
    const port = await rig.listen();
    for (const method of ['GET', 'PUT', 'DELETE'])
      expect([method, await statusOf(port, method, `${PROXY}/${path}`)]).toEqual([method, 400]);
  });

  test('one that is encoded twice is decoded once: it is a name like any other', async () => {
    await using rig = ServerRig.create();
    expect(await put(rig, 'a/%252e%252e/x', 'x')).toBe(200);
    const { body } = await rig.app.inject({ method: 'GET', url: `${PROXY}?path=a`, headers: HOST });
    expect(JSON.parse(body)).toEqual({ files: [{ path: '%2e%2e', is_dir: true }] });
  });

  test('of a model by digest is served only if a version has it', async () => {
    await using rig = ServerRig.create();
    const { digest } = rig.store.blobs.putBytes('{"v":1,"files":[],"emptyFolders":[]}');
    const { statusCode } = await rig.app.inject({
      method: 'GET',
      url: `${PROXY}/models/${digest}/MLmodel`,
      headers: HOST,
    });
    expect(statusCode).toBe(404);
  });
});

describe('a file of a thing', () => {
  const UPLOAD = '/ajax-api/2.0/mlflow/upload-artifact';

  async function ask(
    rig: ServerRig,
    method: 'GET' | 'POST',
    url: string,
    payload?: string | Buffer,
  ): Promise<readonly [status: number, body: string]> {
    const { statusCode, body } = await rig.app.inject({
      method,
      url,
      headers: HOST,
      ...(payload === undefined ? {} : { payload }),
    });
    return [statusCode, body];
  }

  test('is sent by its run, and read by run, version and logged model', async () => {
    await using rig = ServerRig.create();
    const run = await rig.run();
    expect(await ask(rig, 'POST', `${UPLOAD}?run_uuid=${run}&path=m/MLmodel`, 'flavors')).toEqual([
      200,
      '{}',
    ]);
    await rig.post('registered-models/create', { name: 'm' });
    await rig.post('model-versions/create', { name: 'm', source: `runs:/${run}/m` });
    const { body } = await rig.post('logged-models', { experiment_id: '0', name: 'forest' });
    const { info } = body['model'] as { info: { model_id: string; artifact_uri: string } };
    await put(rig, `${info.artifact_uri.replace('mlflow-artifacts:/', '')}/MLmodel`, 'trees');
    const files = `/ajax-api/2.0/mlflow/logged-models/${info.model_id}/artifacts/files`;
    expect(await ask(rig, 'GET', `/get-artifact?run_id=${run}&path=m/MLmodel`)).toEqual([200, 'flavors']);
    expect(await ask(rig, 'GET', '/model-versions/get-artifact?name=m&version=1&path=MLmodel')).toEqual([
      200,
      'flavors',
    ]);
    expect(await ask(rig, 'GET', `${files}?artifact_file_path=MLmodel`)).toEqual([200, 'trees']);
  });

  test('of a version is what was registered, whatever becomes of the run’s', async () => {
    await using rig = ServerRig.create();
    const run = await rig.run();
    const root = `0/${run}/artifacts/m`;
    await put(rig, `${root}/MLmodel`, 'flavors');
    await rig.post('registered-models/create', { name: 'm' });
    await rig.post('model-versions/create', { name: 'm', source: `runs:/${run}/m` });
    await put(rig, `${root}/MLmodel`, 'others');
    await put(rig, `${root}/more`, 'more');
    await rig.post('model-versions/create', { name: 'm', source: 'models:/m/1' });
    const [source, uri] = [`mlflow-artifacts:/${root}`, /^mlflow-artifacts:\/(models\/[0-9a-f]{64})$/];
    const places: string[] = [];
    for (const version of ['1', '2']) {
      const query = { name: 'm', version };
      expect((await rig.get('model-versions/get', query)).body).toMatchObject({ model_version: { source } });
      const { artifact_uri } = (await rig.get('model-versions/get-download-uri', query)).body;
      const [, place = ''] = uri.exec(String(artifact_uri)) ?? [];
      places.push(place);
      const { body } = await rig.app.inject({ method: 'GET', url: `${PROXY}?path=${place}`, headers: HOST });
      expect(JSON.parse(body)).toEqual({ files: [{ path: 'MLmodel', is_dir: false, file_size: 7 }] });
      const ofVersion = `/model-versions/get-artifact?name=m&version=${version}&path=MLmodel`;
      for (const url of [`${PROXY}/${place}/MLmodel`, ofVersion])
        expect(await ask(rig, 'GET', url)).toEqual([200, 'flavors']);
    }
    const [place] = places;
    expect(places).toEqual([place, place]);
    for (const path of [`${place}/MLmodel`, `${place}/more`, `${place}`, `reproductions/${'0'.repeat(64)}/x`])
      expect([path, await put(rig, path, 'others')]).toEqual([path, 400]);
    await rig.app.inject({ method: 'DELETE', url: `${PROXY}/${place}`, headers: HOST });
    expect(await ask(rig, 'GET', `${PROXY}/${place}/MLmodel`)).toEqual([200, 'flavors']);
  });

  test('has a name, some bytes, not too many, and lies with its run', async () => {
    await using rig = ServerRig.create();
    const run = await rig.run();
    for (const [query, payload, message] of [
      [`path=a`, 'x', 'Request must specify run_uuid.'],
      [`run_uuid=${run}`, 'x', 'Request must specify path.'],
      [`run_uuid=${run}&path=a`, undefined, 'Request must specify data.'],
      [`run_uuid=${run}&path=a`, Buffer.alloc(10_485_761), 'Artifact size is too large. Max size is 10MB.'],
    ] as const) {
      const [status, body] = await ask(rig, 'POST', `${UPLOAD}?${query}`, payload);
      expect([status, JSON.parse(body)]).toEqual([400, { error_code: 'INVALID_PARAMETER_VALUE', message }]);
    }
    for (const path of ['../x', 'a/../../x', '/etc/passwd', 'a%00b', '..%2Fx'])
      expect((await ask(rig, 'POST', `${UPLOAD}?run_uuid=${run}&path=${path}`, 'x'))[0]).toBe(400);
    expect((await ask(rig, 'GET', `/get-artifact?run_id=${run}&path=a`))[0]).toBe(404);
  });

  test('is refused where a parameter is given twice or holds a NUL', async () => {
    await using rig = ServerRig.create();
    const ofModel = '/ajax-api/2.0/mlflow/logged-models';
    for (const [method, url] of [
      ['GET', '/get-artifact?run_id=a&run_id=b&path=x'],
      ['GET', '/get-artifact?run_id=%00&path=x'],
      ['GET', '/model-versions/get-artifact?name=a&name=b&version=1&path=x'],
      ['GET', '/model-versions/get-artifact?name=%00&version=1&path=x'],
      ['GET', '/model-versions/get-artifact?version=1&path=x'],
      ['GET', `${ofModel}/%00/artifacts/files?artifact_file_path=x`],
      ['GET', `${ofModel}/m/artifacts/files?artifact_file_path=x&artifact_file_path=y`],
      ['POST', `${UPLOAD}?run_uuid=a&run_uuid=b&path=x`],
    ] as const)
      expect([url, (await ask(rig, method, url, method === 'POST' ? 'x' : undefined))[0]]).toEqual([
        url,
        400,
      ]);
    expect(rig.bugs).toEqual([]);
  });
});
