import { randomInt } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '../../core/world.ts';
import type { Connections, Exchange, ExchangeAnswer } from '../../net/connections.ts';
import { digestOf } from '../hash.ts';
import { broken, FIRST_PAUSE_MS, IDLE_MS, nothing, reading, TRIES, wholeText } from './far-bytes.ts';
import { RemoteRefused, RemoteUnreachable } from './remote.ts';
import { type S3Address, s3Name, s3Url } from './s3-address.ts';
import { explained, failureFrom, isPassing, type S3Failure } from './s3-answers.ts';

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** With those that lapse. */
  readonly sessionToken: string | undefined;
}

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Below the prefix; undefined: the bucket itself. */
  readonly key: string | undefined;
  /** `uploads`, `partNumber=1&uploadId=…`: encoded. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** SHA-256 of the body, in hex, if it is known already. S3 takes no other bytes. */
  readonly digest?: string;
  /** Statuses that are an answer to the question, beside those of success. */
  readonly take?: readonly number[];
}

export interface S3Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** An earlier try broke off, and may have been carried out. */
  readonly isRepeated: boolean;
}

const LATE_ERROR = /^\s*(?:<\?xml[^>]*>\s*)?<Error>/;

/** Signed requests to one bucket, made again when that may help. */
export class S3Client implements Disposable {
  readonly address: S3Address;
  readonly name: string;
  readonly clock: Clock;
  readonly #credentials: S3Credentials;
  #connections: Connections | undefined;
  /** Keys of the day that signatures are made with. */
  readonly #keys = new Map<string, ArrayBuffer>();

  constructor(address: S3Address, credentials: S3Credentials, clock: Clock) {
    this.address = address;
    this.name = s3Name(address);
    this.clock = clock;
    this.#credentials = credentials;
  }

  /**
   * The whole answer.
   *
   * @throws RemoteUnreachable, RemoteRefused
   */
  async ask(request: S3Request): Promise<S3Answer> {
    return this.#untilItPasses(request, async (answer, isRepeated) => {
      const text = await wholeText(this.name, answer.body);
      // A copy is answered before it is made, and what follows may be a failure.
      if (answer.status < 300 && LATE_ERROR.test(text)) return failureFrom(500, text, undefined);
      return { status: answer.status, headers: answer.headers, text, isRepeated };
    });
  }

  /**
   * An answer whose bytes are read as they come. Reading them throws RemoteUnreachable if they break off.
   *
   * @throws RemoteUnreachable, RemoteRefused
   */
  async open(request: S3Request): Promise<ExchangeAnswer> {
    return this.#untilItPasses(request, async (answer) => ({
      ...answer,
      body: reading(this.name, answer.body),
    }));
  }

  async #untilItPasses<T extends { readonly status: number }>(
    request: S3Request,
    read: (answer: ExchangeAnswer, isRepeated: boolean) => Promise<T | S3Failure>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const got = await this.#attempt(request, (answer) => read(answer, attempt > 1));
      if (got instanceof RemoteUnreachable) {
        if (attempt === TRIES) throw got;
      } else if (!('code' in got)) return got;
      else if (!isPassing(got)) throw new RemoteRefused(`${this.name}: ${explained(got)}`);
      else if (attempt === TRIES) throw new RemoteUnreachable(`${this.name}: ${explained(got)}`);
      const most = FIRST_PAUSE_MS * 2 ** (attempt - 1);
      // Of many that were sent away at once, not all come back at once.
      await this.clock.sleep(most / 2 + randomInt(most / 2));
    }
  }

  async #attempt<T>(
    request: S3Request,
    read: (answer: ExchangeAnswer) => Promise<T | S3Failure>,
  ): Promise<T | S3Failure | RemoteUnreachable> {
    const exchange = await this.#signed(request);
    try {
      const answer = await (await this.#connected()).send(exchange);
      const { status, headers } = answer;
      if (status >= 200 && status < 300) return await read(answer);
      const text = await wholeText(this.name, answer.body);
      const region = headers['x-amz-bucket-region'];
      const failure = failureFrom(status, text, typeof region === 'string' ? region : undefined);
      // A bucket that is not there is no empty cache.
      if (request.take?.includes(status) !== true || failure.code === 'NoSuchBucket') return failure;
      return await read({ ...answer, body: nothing() });
    } catch (error) {
      return broken(this.name, error);
    }
  }

  async #signed({ method, key, query, headers, body, digest }: S3Request): Promise<Exchange> {
    // Most runs find here all that they need, and do not wait for it.
    const { AwsV4Signer } = await import('aws4fetch');
    const url = s3Url(this.address, key, query);
    const { accessKeyId, secretAccessKey, sessionToken } = this.#credentials;
    const signer = new AwsV4Signer({
      url,
      method,
      headers: { ...headers, 'x-amz-content-sha256': digest ?? digestOf(body ?? '') },
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      service: 's3',
      region: this.address.region,
      cache: this.#keys,
      datetime: new Date(this.clock.now()).toISOString().replace(/[:-]|\.\d{3}/g, ''),
    });
    const signed = await signer.sign();
    return { url, method, headers: Object.fromEntries(signed.headers), body };
  }

  async #connected(): Promise<Connections> {
    const { Connections } = await import('../../net/connections.ts');
    this.#connections ??= new Connections(IDLE_MS);
    return this.#connections;
  }

  [Symbol.dispose](): void {
    this.#connections?.[Symbol.dispose]();
  }
}
