import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on this machine, and a project that ingests its /d.csv. */
class Site implements AsyncDisposable {
  readonly rig: CliRig;
  handler: Handler;
  /** Method, path and conditions of each request. */
  readonly asked: string[] = [];
  readonly #server = createServer((request, response) => {
    const { 'if-none-match': tag, 'if-modified-since': since } = request.headers;
    this.asked.push([request.method, request.url, tag, since].filter((part) => part !== undefined).join(' '));
    this.handler(request, response);
  });

  private constructor(rig: CliRig, handler: Handler) {
    this.rig = rig;
    this.handler = handler;
  }

  static async create(handler: Handler, { path = '/d.csv', keys = '' } = {}): Promise<Site> {
    const site = new Site(await CliRig.create(), handler);
    site.#server.listen(0, '127.0.0.1');
    await once(site.#server, 'listening');
    const { port } = site.#server.address() as AddressInfo;
    await site.rig.write(
      'recipe.yaml',
      `steps:\n  a: { uses: ingest, with: { location: "http://127.0.0.1:${port}${path}" }${keys} }\n`,
    );
    return site;
  }

  /** How often the file was asked for while a run went on, and how it ended. */
  async run(...args: string[]): Promise<{ exit: number | undefined; said: string; asked: string[] }> {
    this.asked.length = 0;
    const { exit, out, err } = await this.rig.recipe('run', ...args);
    return { exit, said: (out + err).replaceAll(/:\d{4,5}\//g, ':PORT/'), asked: [...this.asked] };
  }

  async rows(): Promise<number> {
    await this.rig.recipe('artifacts', 'get', ':a.profile', 'profile.json');
    return (JSON.parse(await this.rig.read('profile.json')) as { rows: number }).rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await this.rig[Symbol.asyncDispose]();
  }
}

const CSV = 'a,b\n1,x\n2,y\n';
const csv: Handler = (_, response) => void response.end(CSV);

/** Nothing of a download that failed stays. */
function leftovers(rig: CliRig): string[] {
  return readdirSync(join(rig.dir, '.stockpot/cache/cas/tmp'));
}

describe('a file at an http address', () => {
  test('is asked for with its ETag, and read again only when that changes', async () => {
    let tag = '"one"';
    let body = CSV;
    await using site = await Site.create((request, response) => {
      response.setHeader('etag', tag);
      if (request.headers['if-none-match'] === tag) response.writeHead(304).end();
      else response.end(body);
    });
    expect(await site.run()).toMatchObject({ exit: 0, asked: ['GET /d.csv'] });
    const again = await site.run();
    expect(again).toMatchObject({ exit: 0, asked: ['GET /d.csv "one"'] });
    expect(again.said).toContain('1 cached');
    tag = '"two"';
    expect((await site.run()).said).toContain('1 cached');
    tag = '"three"';
    body += '3,z\n';
    expect((await site.run()).said).toContain('1 succeeded');
    expect(await site.rows()).toBe(3);
  });

  test('or with the time it was modified', async () => {
    const time = 'Wed, 21 Oct 2015 07:28:00 GMT';
    await using site = await Site.create((request, response) => {
      response.setHeader('last-modified', time);
      if (request.headers['if-modified-since'] === time) response.writeHead(304).end();
      else response.end(CSV);
    });
    expect(await site.run()).toMatchObject({ exit: 0, asked: ['GET /d.csv'] });
    expect(await site.run()).toMatchObject({ exit: 0, asked: [`GET /d.csv ${time}`] });
  });

  test('may be packed on its way, or be a packed file, or lie behind a redirect', async () => {
    const handler: Handler = ({ url }, response) => {
      if (url === '/moved.csv') response.writeHead(302, { location: '/packed.csv' }).end();
      else if (url === '/packed.csv')
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(CSV));
      else response.end(gzipSync(CSV));
    };
    for (const [path, asked] of [
      ['/packed.csv', ['GET /packed.csv']],
      ['/file.csv.gz', ['GET /file.csv.gz']],
      ['/moved.csv', ['GET /moved.csv', 'GET /packed.csv']],
    ] as const) {
      await using site = await Site.create(handler, { path });
      expect(await site.run()).toMatchObject({ exit: 0, asked });
      expect(await site.rows()).toBe(2);
    }
  });

  test('is named without its query when it cannot be read', async () => {
    await using site = await Site.create((_, response) => void response.end('a\n1,2\n'), {
      path: '/d.csv?year=2024',
    });
    const { exit, said } = await site.run();
    expect(exit).toBe(1);
    expect(said).toContain(
      'a  failed: http://127.0.0.1:PORT/d.csv cannot be read: line 2: it has 2 fields, the header 1',
    );
  });

  test('that is not there ends the run with exit 2', async () => {
    await using site = await Site.create((_, response) => void response.writeHead(404).end());
    const { exit, said } = await site.run();
    expect(exit).toBe(2);
    expect(said).toMatch(/a {2}failed: http:\S+ does not exist/);
  });

  test.each<[string, Handler, string, string]>([
    ['answers 500', (_, response) => void response.writeHead(500).end(), 'the server answered 500', ''],
    ['ends the connection at once', ({ socket }) => void socket.destroy(), 'fetch failed', ''],
    [
      'ends it in the middle',
      ({ socket }, response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write(CSV, () => socket.destroy());
      },
      'terminated',
      '',
    ],
    [
      'never sends the rest',
      (_, response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write(CSV);
      },
      'timeout',
      ', timeout: 700ms',
    ],
    ['never answers', () => undefined, 'timeout', ', timeout: 700ms'],
  ])('of a server that %s: exit 69', async (_, handler, problem, keys) => {
    await using site = await Site.create(handler, { keys });
    const { exit, said } = await site.run();
    expect(said).toContain(problem);
    expect(said).toContain('a  failed: Cannot reach http://127.0.0.1:PORT/d.csv: ');
    expect(exit).toBe(69);
    expect(leftovers(site.rig)).toEqual([]);
  });

  test('--offline uses what was seen last, and asks nobody', async () => {
    await using site = await Site.create(csv);
    const never = await site.run('--offline');
    expect(never).toMatchObject({ exit: 69, asked: [] });
    expect(never.said).toContain('it was never fetched');
    await site.run();
    site.handler = ({ socket }) => void socket.destroy();
    expect((await site.run()).exit).toBe(69);
    const offline = await site.run('--offline');
    expect(offline).toMatchObject({ exit: 0, asked: [] });
    expect(offline.said).toContain('1 cached');
  });
});
