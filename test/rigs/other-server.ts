import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { HttpRemote } from '../../src/store/remote/http-remote.ts';

type Listener = (...args: Parameters<RequestListener>) => void | Promise<void>;

/** Nobody waits between two tries. */
const clock = { sleep: async () => {} };

/** A cache at another server than ours. */
export class OtherServer implements AsyncDisposable {
  readonly asked: string[] = [];
  readonly #server: ReturnType<typeof createServer>;

  private constructor(answer: Listener) {
    this.#server = createServer((request, response) => {
      this.asked.push(`${request.method} ${request.url?.replaceAll(/[0-9a-f]{64}/g, 'X')}`);
      void Promise.resolve(answer(request, response));
    });
  }

  static async create(answer: Listener): Promise<OtherServer> {
    const other = new OtherServer(answer);
    other.#server.listen(0, '127.0.0.1');
    await once(other.#server, 'listening');
    return other;
  }

  /** @param login as `name:password@` */
  urlFor(login = ''): string {
    return `http://${login}127.0.0.1:${(this.#server.address() as AddressInfo).port}/below/`;
  }

  open(token?: string, login?: string): HttpRemote {
    return new HttpRemote({ url: this.urlFor(login), token, clock });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Keeps files, and knows nothing of ranges, conditions or questions about many: as nginx with `dav_methods PUT`. */
export function keepingFiles(): Listener {
  const files = new Map<string, Buffer>();
  return async (request, response) => {
    const { method, url = '' } = request;
    const found = files.get(url);
    if (method === 'PUT') {
      files.set(url, await buffer(request));
      response.writeHead(201).end();
    } else if (method !== 'GET' && method !== 'HEAD') response.writeHead(405).end('<html>');
    else if (found === undefined) response.writeHead(404).end('<html>');
    else response.writeHead(200, { 'content-length': found.length }).end(found);
  };
}
