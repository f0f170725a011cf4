import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hasCode } from '../../src/core/recipe-error.ts';
import { TIME_LIMITS, type TimeLimits } from '../../src/server/time-limits.ts';
import { digestOf } from '../../src/store/hash.ts';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

const JSON_HEAD =
  'POST /api/2.0/mlflow/experiments/create HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';
const FILE_HEAD = 'PUT /api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/f HTTP/1.1\r\nhost: localhost\r\n';

function rigWith(limits: Partial<TimeLimits>): ServerRig {
  const timeLimits = { ...TIME_LIMITS, ...limits };
  return ServerRig.create(() => ({
    authenticate: async () => ({ kind: 'local', name: 'ann' }),
    timeLimits,
  }));
}

async function opened(rig: ServerRig, said: string): Promise<Socket> {
  const socket = connect(rig.app.server.listening ? portOf(rig) : await rig.listen(), '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(said);
  return socket;
}

function portOf(rig: ServerRig): number {
  return (rig.app.server.address() as { port: number }).port;
}

/** All that comes until the connection is closed, in whatever way. */
async function answer(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += String(chunk);
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

describe('a request that does not come to its end is broken off', () => {
  test('while its headers come', async () => {
    await using rig = rigWith({ headersMs: 40 });
    expect(await answer(await opened(rig, 'GET /health HTTP/1.1\r\nhost: loc'))).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('while a message comes, however steadily', async () => {
    await using rig = rigWith({ messageMs: 40 });
    const socket = await opened(rig, `${JSON_HEAD}content-length: 8000000\r\n\r\n`);
    const answered = answer(socket);
    while (!socket.destroyed) {
      socket.write(' ');
      await new Promise(setImmediate);
    }
    expect(await answered).toMatch(/^(?:HTTP\/1\.1 408 |$)/);
    expect(rig.bugs).toEqual([]);
  });

  test('when nothing more of a file comes, of which nothing is kept', async () => {
    await using rig = rigWith({ idleMs: 40 });
    const socket = await opened(rig, `${FILE_HEAD}content-length: 10\r\n\r\nhalf`);
    expect(await answer(socket)).toMatch(/^HTTP\/1\.1 408 /);
    expect(await rig.database.read((sql) => sql.all('SELECT path FROM files'))).toEqual([]);
    // What was written of it goes a moment later.
    while (readdirSync(join(rig.dir, 'uploads')).length > 0) await new Promise(setImmediate);
    expect(rig.bugs).toEqual([]);
  });

  test('of whoever may not send it at all', async () => {
    await using rig = ServerRig.create(() => ({
      authenticate: async () => undefined,
      timeLimits: { ...TIME_LIMITS, messageMs: 40 },
    }));
    const socket = await opened(rig, `${JSON_HEAD}content-length: 10\r\n\r\n{`);
    expect(await answer(socket)).toMatch(/^HTTP\/1\.1 401 /);
  });
});

describe('an answer of which a client takes nothing more is broken off', () => {
  const BYTES = Buffer.alloc(32 << 20, 'stockpot ');
  const DIGEST = digestOf(BYTES);
  const PATH = '/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/f';

  /** A server that has a file of more bytes than the kernel takes for a client. */
  async function withFile(limits: Partial<TimeLimits>): Promise<ServerRig> {
    const rig = rigWith(limits);
    for (const url of [PATH, `/cas/${DIGEST}`]) {
      const { statusCode } = await rig.app.inject({ method: 'PUT', url, headers: HOST, payload: BYTES });
      expect(statusCode).toBe(200);
    }
    return rig;
  }

  /** The server's end of a connection on which somebody asks for a file, and reads nothing of it. */
  async function unread(rig: ServerRig, path: string): Promise<Socket> {
    if (!rig.app.server.listening) await rig.listen();
    const connected = once(rig.app.server, 'connection') as Promise<[Socket]>;
    const client = connect(portOf(rig), '127.0.0.1').pause();
    client.on('error', () => {});
    client.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    const [socket] = await connected;
    socket.once('close', () => client.destroy());
    return socket;
  }

  test.each([PATH, `/cas/${DIGEST}`])('and its file is closed: %s', async (path) => {
    await using rig = await withFile({ takeMs: 40 });
    await once(await unread(rig, path), 'close');
    const isOpen = (): boolean => openFiles().some((file) => file.endsWith(DIGEST));
    while (isOpen()) await new Promise(setImmediate);
    expect(rig.bugs).toEqual([]);
  });

  test('but not one that the client still waits for', async () => {
    await using rig = await withFile({ takeMs: 20 });
    const file = await opened(rig, `${FILE_HEAD}connection: close\r\ncontent-length: 8\r\n\r\nhalf`);
    await once(await unread(rig, PATH), 'close');
    file.write('half');
    expect(await answer(file)).toMatch(/^HTTP\/1\.1 200 /);
  });
});

/** What this process has open. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch (error) {
      // It was that of the folder itself, or has been closed meanwhile.
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
  });
}

test('a connection whose message came whole is kept, whether anybody read it or not', async () => {
  await using rig = ServerRig.create(() => ({
    authenticate: async () => undefined,
    timeLimits: { ...TIME_LIMITS, messageMs: 40 },
  }));
  const kept = await opened(rig, `${JSON_HEAD}content-length: 2\r\n\r\n{}`);
  expect(String(await once(kept, 'data'))).toMatch(/^HTTP\/1\.1 401 /);
  await answer(await opened(rig, `${JSON_HEAD}content-length: 2\r\n\r\n{`));
  kept.write('GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
  expect(await answer(kept)).toMatch(/^HTTP\/1\.1 200 /);
});

test('a file takes as long as it takes while it comes', async () => {
  await using rig = rigWith({ messageMs: 20 });
  const file = await opened(rig, `${FILE_HEAD}connection: close\r\ncontent-length: 8\r\n\r\nhalf`);
  expect(await answer(await opened(rig, `${JSON_HEAD}content-length: 10\r\n\r\n{`))).toMatch(
    /^HTTP\/1\.1 408 /,
  );
  file.write('half');
  expect(await answer(file)).toMatch(/^HTTP\/1\.1 200 /);
});

test('a server that is told to end does not wait for ever for who sends nothing more', async () => {
  await using rig = rigWith({ stopMs: 40 });
  const socket = await opened(rig, `${FILE_HEAD}content-length: 10\r\n\r\nhalf`);
  await once(rig.app.server, 'request');
  await rig.app.close();
  expect(await answer(socket)).toBe('');
});
