import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Answering = (response: ServerResponse, nth: number) => unknown;

/** A server of this machine that hooks are called at. */
export class Receiver implements AsyncDisposable {
  readonly got: Received[] = [];
  readonly #server = createServer();
  readonly #waiting: { count: number; resolve: () => void }[] = [];

  /** @param answering the request of a number, from 1 on; without, each is thanked for */
  static async start(answering: Answering = (response) => response.end(), port = 0): Promise<Receiver> {
    const receiver = new Receiver();
    receiver.#server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void receiver.#take(request, response, answering);
    });
    await new Promise<void>((resolve) => receiver.#server.listen(port, '127.0.0.1', resolve));
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  /** Resolves when so many requests have come. */
  async received(count: number): Promise<readonly Received[]> {
    if (this.got.length < count) await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
    return this.got;
  }

  async #take(request: IncomingMessage, response: ServerResponse, answering: Answering): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const { method = '', url: path = '', headers } = request;
    this.got.push({ method, path, headers, body: Buffer.concat(parts).toString('utf8') });
    answering(response, this.got.length);
    for (const { count, resolve } of this.#waiting) if (this.got.length >= count) resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
