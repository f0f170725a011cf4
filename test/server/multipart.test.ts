import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AccessRig } from '../rigs/access-rig.ts';
import { type Begun, type Credential, MultipartClient, type Sent } from '../rigs/multipart.ts';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

const FILE = ['0/r/artifacts', 'f'] as const;
const DAY_MS = 24 * 3_600_000;

function nth({ credentials }: Begun, number: number): Credential {
  const found = credentials[number - 1];
  if (found === undefined) throw new Error(`no part ${number}`);
  return found;
}

async function contentOf(rig: ServerRig, path = FILE.join('/')): Promise<Buffer | undefined> {
  const { statusCode, rawPayload } = await rig.app.inject({
    method: 'GET',
    url: `/api/2.0/mlflow-artifacts/artifacts/${path}`,
    headers: HOST,
  });
  return statusCode === 200 ? rawPayload : undefined;
}

/** What is left of uploads that are under way, in the cache. */
function underWay(rig: ServerRig): string[] {
  return readdirSync(rig.store.layout.tmp);
}

function refusal(message: unknown, error_code = 'INVALID_PARAMETER_VALUE'): object {
  return { status: error_code === 'RESOURCE_DOES_NOT_EXIST' ? 404 : 400, body: { error_code, message } };
}

describe('a file that comes in parts', () => {
  test('is there when all of it is, whatever the order that they came in', async () => {
    await using rig = ServerRig.create();
    const client = new MultipartClient(rig.app, FILE);
    const bytes = randomBytes(2_500_000);
    const pieces = [0, 1, 2].map((index) => bytes.subarray(index * 1_000_000, (index + 1) * 1_000_000));
    const begun = await client.begin(3);
    expect(begun).toEqual({
      upload_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      credentials: [1, 2, 3].map((number) => ({
        url: `http://localhost:5000/api/2.0/mlflow-artifacts/mpu/parts/${begun.upload_id}/${number}`,
        part_number: number,
        headers: { 'x-stockpot-upload': expect.stringMatching(/^stp_[\w-]{43}$/) },
      })),
    });
    const sent: Sent[] = [];
    for (const number of [2, 3, 1]) {
      const piece = pieces[number - 1] ?? '';
      const part = await client.put(nth(begun, number), piece);
      expect(part.etag).toBe(`"${createHash('sha256').update(piece).digest('hex')}"`);
      sent.push(part);
      expect(await contentOf(rig)).toBeUndefined();
    }
    expect(await client.complete(begun, sent)).toEqual({ status: 200, body: {} });
    expect((await contentOf(rig))?.equals(bytes)).toBe(true);
    expect(underWay(rig)).toEqual([]);
  });

  test('is called what its path on the client’s machine ends in, whichever that is', async () => {
    await using rig = ServerRig.create();
    for (const [local, name] of [
      ['/home/ann/model.bin', 'model.bin'],
      ['C:\\Users\\ann\\model2.bin', 'model2.bin'],
    ] as const) {
      const client = new MultipartClient(rig.app, ['0/r/artifacts/', local]);
      const begun = await client.begin(1);
      await client.complete(begun, [await client.put(nth(begun, 1), name)]);
      expect(String(await contentOf(rig, `0/r/artifacts/${name}`))).toBe(name);
    }
  });

  test('has of a part that was sent twice what came last', async () => {
    await using rig = ServerRig.create();
    const client = new MultipartClient(rig.app, FILE);
    const begun = await client.begin(1);
    const first = await client.put(nth(begun, 1), 'first');
    const second = await client.put(nth(begun, 1), 'second');
    expect(await client.complete(begun, [first])).toEqual(
      refusal('The etag of part 1 is not the one that was given for it: send the part again.'),
    );
    expect(await client.complete(begun, [second])).toEqual({ status: 200, body: {} });
    expect(String(await contentOf(rig))).toBe('second');
  });

  test('replaces what was there only when it is complete', async () => {
    await using rig = ServerRig.create();
    const client = new MultipartClient(rig.app, FILE);
    const [old, next] = [await client.begin(1), await client.begin(1)];
    await client.complete(old, [await client.put(nth(old, 1), 'old')]);
    const part = await client.put(nth(next, 1), 'new');
    expect(String(await contentOf(rig))).toBe('old');
    await client.complete(next, [part]);
    expect(String(await contentOf(rig))).toBe('new');
  });

  test('is complete for all who say so, at the same time or again', async () => {
    await using rig = ServerRig.create();
    const client = new MultipartClient(rig.app, FILE);
    const begun = await client.begin(1);
    const sent = [await client.put(nth(begun, 1), randomBytes(300_000))];
    const answers = await Promise.all(Array.from({ length: 5 }, () => client.complete(begun, sent)));
    answers.push(await client.complete(begun, sent));
    expect(answers).toEqual(answers.map(() => ({ status: 200, body: {} })));
    expect((await contentOf(rig))?.length).toBe(300_000);
    expect(underWay(rig)).toEqual([]);
    // What did not come to the end that is told of is no success.
    expect(await client.complete(begun, [{ part_number: 1, etag: 'x' }])).toEqual(
      refusal('The upload is complete, and was made of other parts.'),
    );
    expect((await client.ask('abort', { upload_id: begun.upload_id })).status).toBe(404);
    await expect(client.put(nth(begun, 1), 'more')).rejects.toThrow('PERMISSION_DENIED');
    rig.now += DAY_MS;
    expect((await client.complete(begun, sent)).status).toBe(404);
    expect(rig.bugs).toEqual([]);
  });

  test('leaves nothing behind when it is aborted, and takes nothing afterwards', async () => {
    await using rig = ServerRig.create();
    const client = new MultipartClient(rig.app, FILE);
    const begun = await client.begin(2);
    const { upload_id } = begun;
    const sent = [await client.put(nth(begun, 1), 'a')];
    expect(underWay(rig)).toEqual([`upload-${upload_id}`]);
    expect(await client.ask('abort', { upload_id })).toEqual({ status: 200, body: {} });
    expect(underWay(rig)).toEqual([]);
    await expect(client.put(nth(begun, 2), 'b')).rejects.toThrow('PERMISSION_DENIED');
    const gone = refusal(
      `There is no multipart upload "${upload_id}" of '0/r/artifacts/f': it is complete, aborted or expired.`,
      'RESOURCE_DOES_NOT_EXIST',
    );
    expect(await client.complete(begun, sent)).toEqual(gone);
    expect(await client.ask('abort', { upload_id })).toEqual(gone);
    expect(await client.ask('abort', { upload_id: 'none' })).toMatchObject({ status: 404 });
  });

  test('that nobody goes on with is collected when a day has passed', async () => {
    await using rig = ServerRig.create();
    const client = new MultipartClient(rig.app, FILE);
    const begun = await client.begin(1);
    const sent = [await client.put(nth(begun, 1), 'a')];
    rig.now += DAY_MS - 1;
    await client.put(nth(begun, 1), 'a');
    rig.now += 1;
    await expect(client.put(nth(begun, 1), 'a')).rejects.toThrow('PERMISSION_DENIED');
    expect((await client.complete(begun, sent)).status).toBe(404);
    const { upload_id } = await client.begin(1);
    expect(underWay(rig)).toEqual([`upload-${upload_id}`]);
    const left = await rig.database.read((sql) => sql.all('SELECT upload_id FROM upload_parts'));
    expect(left).toEqual([]);
  });

  test('of which some bytes were lost says which part is to be sent again', async () => {
    await using rig = ServerRig.create();
    const client = new MultipartClient(rig.app, FILE);
    const begun = await client.begin(2);
    const sent = [await client.put(nth(begun, 1), 'one'), await client.put(nth(begun, 2), 'two')];
    const folder = join(rig.store.layout.tmp, `upload-${begun.upload_id}`);
    const pathOf = (part: Sent | undefined): string => join(folder, part?.etag.replaceAll('"', '') ?? '');
    writeFileSync(pathOf(sent[1]), 'tw');
    expect(await client.complete(begun, sent)).toEqual(refusal('Part 2 is no longer there: send it again.'));
    rmSync(pathOf(sent[0]));
    expect(await client.complete(begun, sent)).toEqual(refusal('Part 1 is no longer there: send it again.'));
    expect(await contentOf(rig)).toBeUndefined();
    await client.put(nth(begun, 1), 'one');
    await client.put(nth(begun, 2), 'two');
    expect((await client.complete(begun, sent)).status).toBe(200);
    expect(String(await contentOf(rig))).toBe('onetwo');
  });
});

describe('an upload is refused', () => {
  test.each([
    [0, 400],
    [-1, 400],
    [10_001, 400],
    [1.5, 400],
    ['many', 400],
    [10_000, 200],
    [undefined, 200],
  ])('of %s parts: %i', async (num_parts, status) => {
    await using rig = ServerRig.create();
    expect((await new MultipartClient(rig.app, FILE).ask('create', { num_parts })).status).toBe(status);
    expect(underWay(rig).length).toBe(status === 200 ? 1 : 0);
  });

  test.each([
    ['0/r/artifacts', '..'],
    ['0/r/artifacts', 'a/'],
    ['0/../artifacts', 'f'],
    ['0/%2e%2e/artifacts', 'f'],
    ['0/..%2fartifacts', 'f'],
    ['0//artifacts', 'f'],
    ['0/a%00/artifacts', 'f'],
    ['0/r%5cx', 'f'],
    ['%2fetc', 'f'],
    ['0/r', 'a\0b'],
    ['0/r', 'a\nb'],
    ['0/r', 'x'.repeat(3000)],
    ['', 'f'],
  ])('at %j, %j', async (folder, path) => {
    await using rig = ServerRig.create();
    const port = await rig.listen();
    // As it is written: most clients tidy an address up before they send it.
    const sent = request({
      port,
      host: '127.0.0.1',
      method: 'POST',
      path: `/api/2.0/mlflow-artifacts/mpu/create/${folder}`,
      headers: { ...HOST, 'content-type': 'application/json' },
    });
    sent.end(JSON.stringify({ path, num_parts: 1 }));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.resume();
    expect([response.statusCode, underWay(rig)]).toEqual([400, []]);
  });

  test('where parts are missing, named twice, unknown, or wrong, and it goes on', async () => {
    await using rig = ServerRig.create();
    const client = new MultipartClient(rig.app, FILE);
    const begun = await client.begin(2);
    const one = await client.put(nth(begun, 1), 'one');
    const claimed = { part_number: 2, etag: one.etag };
    expect(await client.complete(begun, [one, claimed])).toEqual(refusal('Part 2 of 2 has not been sent.'));
    const two = await client.put(nth(begun, 2), 'two');
    const list = "Invalid value for parameter 'parts' supplied: it must name each part from 1 to 2 once.";
    for (const [parts, message] of [
      [[one], "Part 2 of 2 is missing in parameter 'parts'."],
      [[], "Part 1 of 2 is missing in parameter 'parts'."],
      [[one, one], list],
      [[one, two, { part_number: 3, etag: 'x' }], list],
      [[{ ...one, part_number: 0 }, two], list],
      [[one, claimed], 'The etag of part 2 is not the one that was given for it: send the part again.'],
    ] as const)
      expect(await client.complete(begun, parts)).toEqual(refusal(message));
    const other = new MultipartClient(rig.app, ['0/r/artifacts', 'g']);
    expect((await other.complete(begun, [one, two])).status).toBe(404);
    expect(await client.complete(begun, [two, one])).toEqual({ status: 200, body: {} });
    expect(String(await contentOf(rig))).toBe('onetwo');
  });
});

describe('a part is taken', () => {
  test('only with the secret of its upload, at its number', async () => {
    await using rig = ServerRig.create();
    const client = new MultipartClient(rig.app, FILE);
    const [begun, other] = [await client.begin(2), await client.begin(2)];
    const { url, headers } = nth(begun, 1);
    const place = url.slice(0, -1);
    for (const [at, sent, status] of [
      [url, {}, 403],
      [url, { 'x-stockpot-upload': 'stp_x' }, 403],
      [url, nth(other, 1).headers, 403],
      [`${place}3`, headers, 403],
      [`${place}0`, headers, 400],
      [`${place}1e1`, headers, 400],
      [`${place}..%2F1`, headers, 400],
      [`${place}1%00`, headers, 400],
      [url.replace(begun.upload_id, '..%2F..%2Fx'), headers, 400],
      [url.replace(begun.upload_id, '0'.repeat(32)), headers, 403],
    ] as const) {
      const { statusCode, body } = await rig.app.inject({
        method: 'PUT',
        url: at.slice('http://localhost:5000'.length),
        headers: { ...HOST, ...sent },
        payload: 'x',
      });
      expect([at, statusCode, Object.keys(JSON.parse(body) as object)]).toEqual([
        at,
        status,
        ['error_code', 'message'],
      ]);
    }
    expect(await rig.database.read((sql) => sql.all('SELECT * FROM upload_parts'))).toEqual([]);
    const stored = JSON.stringify(await rig.database.read((sql) => sql.all('SELECT * FROM uploads')));
    expect(stored).not.toContain(headers['x-stockpot-upload']);
  });

  test('whole or not at all', async () => {
    await using rig = ServerRig.create();
    const port = await rig.listen();
    const client = new MultipartClient(rig.app, FILE);
    const begun = await client.begin(1);
    const { url, headers } = nth(begun, 1);
    const cut = request({
      port,
      host: '127.0.0.1',
      method: 'PUT',
      path: new URL(url).pathname,
      headers: { ...HOST, ...headers, 'content-length': 100 },
    });
    cut.on('error', () => undefined);
    cut.write('half of it');
    const [came] = (await once(rig.app.server, 'request')) as [IncomingMessage];
    const closed = new Promise((resolve) => came.once('close', resolve));
    cut.destroy();
    await closed;
    expect(await client.complete(begun, [{ part_number: 1, etag: 'x' }])).toEqual(
      refusal('Part 1 of 1 has not been sent.'),
    );
    expect(rig.bugs).toEqual([]);
  });
});

describe('who may', () => {
  test('write the files of an experiment sends them in parts; the address of a part lets nobody do more', async () => {
    await using rig = AccessRig.create();
    const [ann, bob, vic] = [await rig.user('ann'), await rig.user('bob'), await rig.user('vic', 'viewer')];
    await rig.post(ann, 'experiments/create', { name: 'e' });
    const { app } = rig.server;
    const as = (token?: string): MultipartClient => new MultipartClient(app, ['1/r/artifacts', 'f'], token);
    const begun = await as(ann).begin(1);
    const { upload_id } = begun;
    const part = await as().put(nth(begun, 1), 'x');
    const statuses = async (token?: string): Promise<number[]> => {
      const client = as(token);
      const asked = [
        await client.ask('create', { num_parts: 1 }),
        await client.ask('complete', { upload_id, parts: [part] }),
        await client.ask('abort', { upload_id }),
      ];
      return asked.map(({ status }) => status);
    };
    expect(await statuses()).toEqual([401, 401, 401]);
    expect(await statuses(bob)).toEqual([403, 403, 403]);
    await rig.grant('READ', { kind: 'experiment', id: '1' }, 'user:vic');
    expect(await statuses(vic)).toEqual([403, 403, 403]);
    // Bob may write in an experiment of his own, not by an upload that is of another path.
    await rig.post(bob, 'experiments/create', { name: 'bobs' });
    const bobs = new MultipartClient(app, ['2/r/artifacts', 'f'], bob);
    expect((await bobs.complete(begun, [part])).status).toBe(404);
    expect((await bobs.ask('abort', { upload_id })).status).toBe(404);
    expect(await statuses(ann)).toEqual([200, 200, 404]);
  });
});
