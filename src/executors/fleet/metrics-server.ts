import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RecipeError } from '../../core/recipe-error.ts';
import type { WorkerLine } from './fleet-worker.ts';
import { WorkerMetrics } from './worker-metrics.ts';

/** `GET /metrics` of a worker, for whoever reaches the port: it says how many and how, never what. */
export class MetricsServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #metrics = new WorkerMetrics();

  private constructor() {
    this.#server = createServer((request, response) => {
      if (request.method !== 'GET' || request.url !== '/metrics') {
        response.writeHead(404).end();
        return;
      }
      void this.#metrics
        .text()
        .then(({ body, type }) => response.writeHead(200, { 'content-type': type }).end(body));
    });
  }

  /** @throws RecipeError USAGE if the port is taken */
  static async listen(port: number): Promise<MetricsServer> {
    const one = new MetricsServer();
    one.#server.listen(port);
    try {
      await once(one.#server, 'listening');
    } catch (error) {
      throw new RecipeError('USAGE', {
        problem: `--metrics ${port} cannot be listened at: ${(error as Error).message}`,
        command: 'worker',
      });
    }
    return one;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/metrics`;
  }

  take(line: WorkerLine): void {
    this.#metrics.take(line);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
