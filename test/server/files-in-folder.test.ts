import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, utimesSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { LightMyRequestResponse } from 'fastify';
import { describe, expect, test } from 'vitest';
import { FilesInFolder } from '../../src/server/files-in-folder.ts';
import { ArtifactsDisk, SECRET, UNTOUCHED } from '../rigs/artifacts-disk.ts';
import { MultipartClient } from '../rigs/multipart.ts';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

const PROXY = '/api/2.0/mlflow-artifacts/artifacts';

type Method = 'GET' | 'PUT' | 'DELETE';

async function send(rig: ServerRig, method: Method, path: string): Promise<readonly [number, string]> {
  const { statusCode, body } = await rig.app.inject({
    method,
    url: `${PROXY}/${path}`,
    headers: HOST,
    ...(method === 'PUT' ? { payload: 'new' } : {}),
  });
  return [statusCode, body];
}

/** As it is written: most clients tidy an address up before they send it. */
async function statusOf(port: number, method: Method, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', method, path, headers: HOST }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on('error', reject).end(method === 'PUT' ? 'x' : undefined);
  });
}

describe('files in a folder', () => {
  test('lie where MLflow has them, and those that others put there are read', async () => {
    using disk = new ArtifactsDisk();
    await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: false });
    const run = await rig.run();
    const root = `0/${run}/artifacts`;
    expect((await rig.get('runs/get', { run_id: run })).body).toMatchObject({
      run: { info: { artifact_uri: `mlflow-artifacts:/${root}` } },
    });
    expect(await send(rig, 'PUT', `${root}/a/b.txt`)).toEqual([200, '{}']);
    expect(disk.read(`${root}/a/b.txt`)).toBe('new');
    disk.write(`${root}/a/c.txt`, 'others');
    disk.write(`${root}/empty`, '');
    expect((await rig.get('artifacts/list', { run_id: run })).body['files']).toEqual([
      { path: 'a', is_dir: true },
      { path: 'empty', is_dir: false, file_size: 0 },
    ]);
    expect((await rig.get('artifacts/list', { run_id: run, path: 'a' })).body['files']).toEqual([
      { path: 'a/b.txt', is_dir: false, file_size: 3 },
      { path: 'a/c.txt', is_dir: false, file_size: 6 },
    ]);
    expect((await rig.get('artifacts/list', { run_id: run, path: 'empty' })).body['files']).toEqual([]);
    expect(await send(rig, 'GET', `${root}/a/c.txt`)).toEqual([200, 'others']);
    expect(await send(rig, 'GET', `${root}/empty`)).toEqual([200, '']);
    expect(await send(rig, 'DELETE', `${root}/a`)).toEqual([200, '{}']);
    expect(readdirSync(disk.of(root))).toEqual(['empty']);
    expect(await send(rig, 'DELETE', `${root}/a`)).toEqual([200, '{}']);
    expect((await send(rig, 'GET', `${root}/a/c.txt`))[0]).toBe(404);
    expect(readdirSync(disk.of('.stockpot-artifacts/pending'))).toEqual([]);
  });

  test('are sent in part, under another tag when they are others', async () => {
    using disk = new ArtifactsDisk();
    await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: false });
    disk.write('0/r/artifacts/f', '0123456789');
    const get = async (): Promise<readonly unknown[]> => {
      const { headers, body, statusCode } = await rig.app.inject({
        method: 'GET',
        url: `${PROXY}/0/r/artifacts/f`,
        headers: { ...HOST, range: 'bytes=2-4' },
      });
      return [statusCode, headers['content-range'], body, headers['etag']];
    };
    const before = await get();
    expect(before).toEqual([206, 'bytes 2-4/10', '234', expect.stringMatching(/^W\/".+"$/)]);
    disk.write('0/r/artifacts/f', 'abcdefghij');
    utimesSync(disk.of('0/r/artifacts/f'), 5, 5);
    const after = await get();
    expect(after.slice(0, 3)).toEqual([206, 'bytes 2-4/10', 'cde']);
    expect(after[3]).not.toBe(before[3]);
  });

  test('are sent whole to who has some of one: another may be as long and as old', async () => {
    using disk = new ArtifactsDisk();
    await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: false });
    disk.write('0/r/artifacts/f', 'whole');
    const get = async (headers: object): Promise<LightMyRequestResponse> =>
      rig.app.inject({
        method: 'GET',
        url: `${PROXY}/0/r/artifacts/f`,
        headers: { ...HOST, range: 'bytes=3-', ...headers },
      });
    const part = await get({});
    expect([part.statusCode, part.body]).toEqual([206, 'le']);
    const again = await get({ 'if-range': part.headers.etag });
    expect([again.statusCode, again.body]).toEqual([200, 'whole']);
  });

  test('come in parts too', async () => {
    using disk = new ArtifactsDisk();
    await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: false });
    const client = new MultipartClient(rig.app, ['0/r/artifacts', 'f']);
    const begun = await client.begin(2);
    const sent = [];
    for (const credential of begun.credentials) sent.push(await client.put(credential, 'part;'));
    expect((await client.complete(begun, sent)).status).toBe(200);
    expect(disk.read('0/r/artifacts/f')).toBe('part;part;');
  });

  test('stand beside what was written before there was a folder', async () => {
    using disk = new ArtifactsDisk();
    await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: false });
    const { digest, size } = await rig.store.blobs.putDurably('stored');
    const write = (path: string): Promise<number> =>
      rig.database.write((sql) =>
        sql.run(
          'INSERT INTO files (path, digest, size, created_at) VALUES (?, ?, ?, 1)',
          `0/r/artifacts/${path}`,
          digest,
          size,
        ),
      );
    await write('old');
    await write('both');
    disk.write('0/r/artifacts/both', 'newer');
    const listed = await send(rig, 'GET', '../artifacts?path=0/r/artifacts');
    expect(JSON.parse(listed[1])).toEqual({
      files: [
        { path: 'both', is_dir: false, file_size: 5 },
        { path: 'old', is_dir: false, file_size: 6 },
      ],
    });
    expect(await send(rig, 'GET', '0/r/artifacts/old')).toEqual([200, 'stored']);
    expect(await send(rig, 'GET', '0/r/artifacts/both')).toEqual([200, 'newer']);
    await send(rig, 'DELETE', '0/r/artifacts/both');
    expect((await send(rig, 'GET', '0/r/artifacts/both'))[0]).toBe(404);
  });

  test('are refused where a file or a folder is in the way, or a name is too long', async () => {
    using disk = new ArtifactsDisk();
    await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: false });
    disk.write('0/file', 'x');
    disk.write('0/folder/file', 'x');
    for (const path of ['0/file/below', '0/folder', `0/${'x'.repeat(300)}`]) {
      expect([path, (await send(rig, 'PUT', path))[0]]).toEqual([path, 400]);
      expect([path, (await send(rig, 'GET', path))[0] >= 500]).toEqual([path, false]);
    }
    expect([disk.read('0/file'), disk.read('0/folder/file')]).toEqual(['x', 'x']);
    expect(readdirSync(disk.of('.stockpot-artifacts/pending'))).toEqual([]);
    expect(rig.bugs).toEqual([]);
  });

  test('that were left half written are cleared away when they are old', async () => {
    using disk = new ArtifactsDisk();
    await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: false });
    disk.write('.stockpot-artifacts/pending/old', 'x');
    disk.write('.stockpot-artifacts/pending/new', 'x');
    utimesSync(disk.of('.stockpot-artifacts/pending/old'), 1, 1);
    await new FilesInFolder({ dir: disk.dir, store: rig.store }).tidy(
      lstatSync(disk.of('.stockpot-artifacts/pending/new')).mtimeMs + 1000,
    );
    expect(readdirSync(disk.of('.stockpot-artifacts/pending'))).toEqual(['new']);
  });
});

describe('no link in the folder is followed', () => {
  test.each([
    ['a file outside', (disk: ArtifactsDisk) => disk.link('0/r/artifacts/x', join(disk.outside, 'secret'))],
    [
      'a file outside, from here',
      (disk: ArtifactsDisk) => disk.link('0/r/artifacts/x', '../../../../outside/secret'),
    ],
    [
      'a file of another experiment',
      (disk: ArtifactsDisk) => {
        disk.write('1/r/artifacts/secret', SECRET);
        disk.link('0/r/artifacts/x', '../../../1/r/artifacts/secret');
      },
    ],
    [
      'a link',
      (disk: ArtifactsDisk) => {
        disk.link('0/r/artifacts/y', join(disk.outside, 'secret'));
        disk.link('0/r/artifacts/x', 'y');
      },
    ],
    ['nothing', (disk: ArtifactsDisk) => disk.link('0/r/artifacts/x', join(disk.outside, 'none'))],
    ['itself', (disk: ArtifactsDisk) => disk.link('0/r/artifacts/x', 'x')],
  ] as const)('to %s', async (_, plant) => {
    using disk = new ArtifactsDisk();
    await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: false });
    plant(disk);
    const path = '0/r/artifacts/x';
    expect((await send(rig, 'GET', path))[0]).toBe(404);
    const [, listed] = await send(rig, 'GET', '../artifacts?path=0/r/artifacts');
    expect(JSON.parse(listed)).toEqual({ files: [] });
    // Writing puts a file in the link's place.
    expect((await send(rig, 'PUT', path))[0]).toBe(200);
    expect([lstatSync(disk.of(path)).isFile(), disk.read(path)]).toEqual([true, 'new']);
    expect(disk.beside()).toEqual(UNTOUCHED);
    expect(rig.bugs).toEqual([]);
  });

  test.each([
    ['a run’s', '0/r', ''],
    ['that of artifacts', '0/r/artifacts', ''],
    ['an experiment’s', '0', 'r/artifacts/'],
    ['one below', '0/r/artifacts/deep', ''],
  ])('in the place of a folder: %s', async (_, place, below) => {
    using disk = new ArtifactsDisk();
    await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: false });
    disk.link(place, disk.outside);
    const path = `${place}/${below}secret`;
    expect((await send(rig, 'GET', path))[0]).toBe(404);
    expect((await send(rig, 'PUT', path))[0]).toBe(400);
    expect((await send(rig, 'PUT', `${place}/new/file`))[0]).toBe(400);
    expect((await send(rig, 'DELETE', path))[0]).toBe(200);
    const [, listed] = await send(rig, 'GET', `../artifacts?path=${place}`);
    expect(JSON.parse(listed)).toEqual({ files: [] });
    expect(disk.beside()).toEqual(UNTOUCHED);
    // The link itself may go.
    expect((await send(rig, 'DELETE', place))[0]).toBe(200);
    expect(lstatSync(disk.of(place), { throwIfNoEntry: false })).toBeUndefined();
    expect(disk.beside()).toEqual(UNTOUCHED);
    expect(rig.bugs).toEqual([]);
  });

  test('below a folder that is removed, or registered as a model', async () => {
    using disk = new ArtifactsDisk();
    await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: false });
    const run = await rig.run();
    const model = `0/${run}/artifacts/model`;
    disk.write(`${model}/MLmodel`, 'flavors');
    disk.link(`${model}/link`, disk.outside);
    disk.link(`${model}/secret`, join(disk.outside, 'secret'));
    await rig.post('registered-models/create', { name: 'm' });
    await rig.post('model-versions/create', { name: 'm', source: `runs:/${run}/model` });
    const [row] = await rig.database.read((sql) => sql.all('SELECT * FROM model_versions'));
    expect(row).toMatchObject({ source: `mlflow-artifacts:/${model}`, model_size: 7 });
    await send(rig, 'DELETE', model);
    expect(disk.beside()).toEqual(UNTOUCHED);
  });

  test('and what is no file is none', async () => {
    using disk = new ArtifactsDisk();
    await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: false });
    mkdirSync(disk.of('0/r'), { recursive: true });
    // Whoever opens it to read waits for somebody who writes.
    execFileSync('mkfifo', [disk.of('0/r/pipe')]);
    expect((await send(rig, 'GET', '0/r/pipe'))[0]).toBe(404);
    expect((await send(rig, 'GET', '0/r'))[0]).toBe(404);
    expect(JSON.parse((await send(rig, 'GET', '../artifacts?path=0/r'))[1])).toEqual({ files: [] });
  });
});

describe('a path leads nowhere but below the folder', () => {
  test.each([
    '../outside/secret',
    '0/../../outside/secret',
    '%2e%2e/outside/secret',
    '0/%2e%2e%2f%2e%2e%2foutside/secret',
    '0/..%5c..%5coutside%5csecret',
    '%2fetc/passwd',
    '/etc/passwd',
    '0//etc/passwd',
    './0',
    '0/.',
    '0/a%00/../x',
    'C:%5cx',
    '0/a%0ab',
  ])('%s', async (path) => {
    using disk = new ArtifactsDisk();
    await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: false });
    const port = await rig.listen();
    for (const method of ['GET', 'PUT', 'DELETE'] as const)
      expect([method, await statusOf(port, method, `${PROXY}/${path}`)]).toEqual([method, 400]);
    expect(disk.beside()).toEqual(UNTOUCHED);
  });

  test.each(['%252e%252e/outside/secret', 'C:/x', '0/~/x', '0/$HOME', '0/*', 'file:/x'])(
    '%s: a name like any other',
    async (path) => {
      using disk = new ArtifactsDisk();
      await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: false });
      const port = await rig.listen();
      expect(await statusOf(port, 'PUT', `${PROXY}/${path}`)).toBe(200);
      expect(disk.read(decodeURIComponent(path))).toBe('x');
      expect(disk.beside()).toEqual(UNTOUCHED);
    },
  );

  test('what the server keeps there, and what models are by digest, is no file of clients', async () => {
    using disk = new ArtifactsDisk();
    await using rig = ServerRig.inFolder({ dir: disk.dir, isRoot: false });
    const digest = 'a'.repeat(64);
    const paths = ['.stockpot-artifacts/id', `models/${digest}/MLmodel`, `reproductions/${digest}/x`];
    for (const path of paths) {
      disk.write(path, 'planted');
      expect([path, (await send(rig, 'GET', path))[0]]).toEqual([path, 404]);
      expect([path, (await send(rig, 'PUT', path))[0]]).toEqual([path, 400]);
      await send(rig, 'DELETE', path);
      await send(rig, 'DELETE', path.split('/')[0] ?? '');
      expect([path, disk.read(path)]).toEqual([path, 'planted']);
    }
    expect(JSON.parse((await send(rig, 'GET', '../artifacts?path='))[1])).toEqual({ files: [] });
  });
});
