import type { FastifyInstance } from 'fastify';
import { HOST } from './server-rig.ts';

export interface Credential {
  readonly url: string;
  readonly part_number: number;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Begun {
  readonly upload_id: string;
  readonly credentials: readonly Credential[];
}

export interface Sent {
  readonly part_number: number;
  readonly etag: string;
  readonly url?: string;
}

export interface Answered {
  readonly status: number;
  readonly body: unknown;
}

const MPU = '/api/2.0/mlflow-artifacts/mpu';

/** A multipart upload of one file as MLflow's client makes it, step by step. */
export class MultipartClient {
  readonly #app: FastifyInstance;
  readonly #folder: string;
  readonly #name: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(app: FastifyInstance, [folder, name]: readonly [folder: string, name: string], token?: string) {
    this.#app = app;
    this.#folder = folder;
    this.#name = name;
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  async begin(num_parts: number): Promise<Begun> {
    const { status, body } = await this.ask('create', { num_parts });
    if (status !== 200) throw new Error(JSON.stringify(body));
    return body as Begun;
  }

  async ask(call: 'create' | 'complete' | 'abort', more: object): Promise<Answered> {
    const { statusCode, body } = await this.#app.inject({
      method: 'POST',
      url: `${MPU}/${call}/${this.#folder}`,
      headers: { ...HOST, 'content-type': 'application/json', ...this.#headers },
      payload: JSON.stringify({ path: this.#name, ...more }),
    });
    return { status: statusCode, body: JSON.parse(body) };
  }

  async complete({ upload_id }: Begun, parts: readonly Sent[]): Promise<Answered> {
    return this.ask('complete', { upload_id, parts });
  }

  /** Sends a part as to a store of another's: only with the headers that came with its address. */
  async put({ url, part_number, headers }: Credential, payload: string | Buffer): Promise<Sent> {
    const { pathname } = new URL(url);
    const answer = await this.#app.inject({
      method: 'PUT',
      url: pathname,
      headers: { ...HOST, ...headers },
      payload,
    });
    if (answer.statusCode !== 200) throw new Error(answer.body);
    return { part_number, etag: String(answer.headers['etag']), url };
  }
}
