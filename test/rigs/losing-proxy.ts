import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands before a server: what it lets through is answered, but some answers are lost on the way. */
export class LosingProxy implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://localhost:${(server.address() as AddressInfo).port}`;
  }

  /** @param losing how many answers to a path that ends so are lost */
  static async start(port: number, losing: Readonly<Record<string, number>>): Promise<LosingProxy> {
    const left = new Map(Object.entries(losing));
    const server = createServer((incoming, outgoing) => {
      const { method, url = '', headers } = incoming;
      const forwarded = request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
        const path = [...left.keys()].find((end) => url.split('?')[0]?.endsWith(end) === true) ?? '';
        const count = left.get(path) ?? 0;
        if (count > 0) {
          left.set(path, count - 1);
          answer.resume().once('end', () => outgoing.destroy());
          return;
        }
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      });
      incoming.pipe(forwarded);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new LosingProxy(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
