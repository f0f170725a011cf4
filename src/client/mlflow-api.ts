import { setTimeout as wait } from 'node:timers/promises';
import { RequestFailed } from './request-failed.ts';

export interface MlflowApiOptions {
  /** `http://…` or `https://…`. */
  readonly trackingUri: string;
  /** Value of the header Authorization. */
  readonly authorization: string | undefined;
}

type Body = Readonly<Record<string, unknown>>;
export type Answer = Readonly<Record<string, unknown>>;

/** Between tries. */
const PAUSES_MS = [250, 500, 1000, 2000, 4000];
/** The server, or a proxy before it, asks for patience. */
const BUSY = new Set([429, 500, 502, 503, 504]);
const TIMEOUT_MS = 120_000;
/** For the bytes of one file. */
const UPLOAD_MS = 3_600_000;

/** Requests to an MLflow tracking server. */
export class MlflowApi {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** @throws TypeError unless `trackingUri` is an address of a server */
  constructor({ trackingUri, authorization }: MlflowApiOptions) {
    if (!/^https?:\/\//.test(trackingUri) || !URL.canParse(trackingUri))
      throw new TypeError(
        `The tracking URI ${trackingUri} is no address of a server, as http://localhost:5000`,
      );
    this.#base = `${trackingUri.replace(/\/+$/, '')}/api/2.0`;
    this.#headers = authorization === undefined ? {} : { authorization };
  }

  async get(path: string, query: Readonly<Record<string, string>>): Promise<Answer> {
    return this.#tried('GET', `/mlflow/${path}?${new URLSearchParams(query).toString()}`);
  }

  /** Sent again if there is no answer: for what may be done twice. */
  async post(path: string, body: Body): Promise<Answer> {
    return this.#tried('POST', `/mlflow/${path}`, JSON.stringify(body));
  }

  /** Sent once: whether it was done is unknown if there is no answer. */
  async postOnce(path: string, body: Body): Promise<Answer> {
    return this.#ask('POST', `/mlflow/${path}`, JSON.stringify(body));
  }

  /** @param path in the space of artifacts, with `/` */
  async upload(path: string, bytes: Blob): Promise<void> {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    await this.#tried('PUT', `/mlflow-artifacts/artifacts/${encoded}`, bytes);
  }

  async #tried(method: string, path: string, body?: string | Blob): Promise<Answer> {
    for (const pause of PAUSES_MS)
      try {
        return await this.#ask(method, path, body);
      } catch (error) {
        if (!mayPass(error)) throw error;
        await wait(pause);
      }
    return this.#ask(method, path, body);
  }

  async #ask(method: string, path: string, body?: string | Blob): Promise<Answer> {
    const what = `${method} ${path.split('?')[0]}`;
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${this.#base}${path}`, {
        method,
        headers: {
          ...this.#headers,
          ...(typeof body === 'string' ? { 'content-type': 'application/json' } : {}),
        },
        ...(body === undefined ? {} : { body }),
        signal: AbortSignal.timeout(body instanceof Blob ? UPLOAD_MS : TIMEOUT_MS),
      });
      text = await response.text();
    } catch (cause) {
      throw new RequestFailed(`No answer to ${what}: ${reasonOf(cause)}`, { cause });
    }
    const answer = parsed(text);
    if (response.ok) return answer ?? {};
    const { error_code: code, message } = answer ?? {};
    throw new RequestFailed(
      typeof message === 'string' ? message : `${what}: ${response.status} ${text.slice(0, 200)}`,
      { status: response.status, code: typeof code === 'string' ? code : undefined },
    );
  }
}

/** Whether the same request may be answered later. */
export function mayPass(error: unknown): boolean {
  return error instanceof RequestFailed && (error.status === undefined || BUSY.has(error.status));
}

/** `fetch failed` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message;
}

function parsed(text: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Answer) : undefined;
  } catch {
    return undefined;
  }
}
