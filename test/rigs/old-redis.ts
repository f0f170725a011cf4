import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { pipeline, Transform } from 'node:stream';

/** Stands before a Redis, and has it say that it is of version 5. */
export class OldRedis implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async before(port: number): Promise<OldRedis> {
    const server = createServer((client) => {
      const redis = connect(port, '127.0.0.1');
      // As many characters as before: the answer says first how long it is.
      const older = new Transform({
        transform: (chunk: Buffer, _, done) =>
          done(null, chunk.toString('latin1').replace(/(?<=redis_version:)\d(?=\.\d)/, '5')),
      });
      pipeline(client, redis, () => redis.destroy());
      pipeline(redis, older, client, () => client.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new OldRedis(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await once(this.#server, 'close');
  }
}
