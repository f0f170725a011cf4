import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { request as requestSecurely, Agent as SecureAgent } from 'node:https';
import type { Readable } from 'node:stream';

export interface Exchange {
  readonly url: string;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | StreamedBody | undefined;
}

/** Bytes that are sent as they come. */
export interface StreamedBody {
  readonly stream: Readable;
  /** Bytes of it. */
  readonly size: number;
}

export interface ExchangeAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** To be read to its end, or left by `break`: until then it holds a connection. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Nothing moved on a connection for too long. */
export class ConnectionIdle extends Error {
  override readonly name = 'ConnectionIdle';
}

/**
 * Connections to a server that are kept open from one request to the next: for many requests, and for bodies of
 * any size, which may take as long as they move. Redirects are answers like others.
 */
export class Connections implements Disposable {
  readonly #plain = new Agent({ keepAlive: true });
  readonly #secure = new SecureAgent({ keepAlive: true });
  readonly #idleMs: number;

  /** @param idleMs a connection on which nothing moves for so long is given up */
  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /**
   * The answer, which may come before the body is sent: then no more of it is.
   *
   * @throws TypeError for another scheme than http and https, ConnectionIdle, or what the network or the body says
   */
  async send({ url, method, headers, body }: Exchange): Promise<ExchangeAnswer> {
    const to = new URL(url);
    if (to.protocol !== 'http:' && to.protocol !== 'https:')
      throw new TypeError(`Not an http address: ${to.protocol}`);
    const length = body === undefined ? undefined : 'stream' in body ? body.size : body.byteLength;
    const options = {
      method,
      headers: { ...headers, ...(length === undefined ? {} : { 'content-length': String(length) }) },
    };
    const sent =
      to.protocol === 'https:'
        ? requestSecurely(to, { ...options, agent: this.#secure })
        : request(to, { ...options, agent: this.#plain });
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    sent.on('response', resolve);
    // Stays: what is cut off later fails who reads.
    sent.on('error', reject);
    sent.setTimeout(this.#idleMs, () => {
      sent.destroy(new ConnectionIdle(`nothing came for ${this.#idleMs / 1000} s`));
    });
    if (body === undefined || !('stream' in body)) sent.end(body);
    else {
      const { stream } = body;
      sent.on('response', (early) => {
        if (!stream.readableEnded) {
          stream.unpipe(sent);
          stream.destroy();
        }
        // No other request follows half a one on this connection.
        early.on('end', () => {
          if (!sent.writableFinished) sent.destroy();
        });
      });
      sent.on('close', () => stream.destroy());
      stream.on('error', (error) => sent.destroy(error));
      stream.pipe(sent);
    }
    const answer = await promise;
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: answer };
  }

  [Symbol.dispose](): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }
}
