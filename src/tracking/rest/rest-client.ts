import { setTimeout as wait } from 'node:timers/promises';
import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts';
import { RecipeError } from '../../core/recipe-error.ts';
import { type HttpAnswer, type HttpRequest, httpRequest } from '../../net/http-client.ts';
import { ASKED_FOR } from '../asked-for.ts';
import { list, text } from './message-of.ts';

export interface RestClientOptions {
  /** Without a slash at its end. */
  readonly url: string;
  /** Value of the header Authorization. */
  readonly authorization: string | undefined;
  /** Who asked for what is done, if that is not whose credentials these are. */
  readonly asker?: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
}

const TIMEOUT_MS = 30_000;
/** For the bytes of one file. */
const TRANSFER_MS = 600_000;
/** A server that could not be reached is left alone so long: a run does not wait for it at each write. */
const REST_MS = 10_000;
/** Between tries, if the server asks for patience. */
const PAUSES_MS = [250, 1000];
const BUSY = new Set([429, 502, 503, 504]);

/** Why a server did not do what it was asked, in its own words. */
export class Refusal extends Error {
  /** MLflow's error code. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
  }
}

/** MLflow's code if `error` is a server's refusal. */
export function refusalOf(error: unknown): Refusal | undefined {
  return error instanceof RecipeError && error.cause instanceof Refusal ? error.cause : undefined;
}

/** Requests to one MLflow server. */
export class RestClient {
  readonly #options: RestClientOptions;
  #down: { readonly until: number; readonly error: RecipeError } | undefined;

  constructor(options: RestClientOptions) {
    this.#options = options;
  }

  get url(): string {
    return this.#options.url;
  }

  /** @throws RecipeError TRACKING_UNREACHABLE, TRACKING_REFUSED, TRACKING_FORBIDDEN */
  async get(path: string, query: Readonly<Record<string, string>>): Promise<JsonObject> {
    return this.#json('GET', `${path}?${new URLSearchParams(query).toString()}`);
  }

  /** @throws RecipeError TRACKING_UNREACHABLE, TRACKING_REFUSED, TRACKING_FORBIDDEN */
  async send(method: 'POST' | 'PATCH' | 'DELETE', path: string, body: Json): Promise<JsonObject> {
    return this.#json(method, path, JSON.stringify(body));
  }

  /** Sends the bytes of a file to a path of the space of artifacts. */
  async upload(path: string, file: Blob): Promise<void> {
    const answer = await this.#ask({ method: 'PUT', path: artifactPath(path), body: file });
    for await (const _ of answer.body);
  }

  async download(path: string): Promise<AsyncIterable<Uint8Array>> {
    return (await this.#ask({ method: 'GET', path: artifactPath(path) })).body;
  }

  /** What lies directly below a folder of the space of artifacts. */
  async listFiles(folder: string): Promise<{ readonly name: string; readonly isFolder: boolean }[]> {
    const query = new URLSearchParams({ path: folder }).toString();
    const { body } = await this.#ask({ method: 'GET', path: `${ARTIFACTS.slice(0, -1)}?${query}` });
    const json = parsed(await this.#textOf(body));
    return list(isJsonObject(json) ? json['files'] : undefined).map((file) => ({
      name: text(file['path']),
      isFolder: file['is_dir'] === true,
    }));
  }

  async #json(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: string): Promise<JsonObject> {
    const { body: bytes } = await this.#ask({
      method,
      path: `/api/2.0/${path.startsWith(OWN) ? '' : 'mlflow/'}${path}`,
      ...(body === undefined ? {} : { body }),
    });
    const json = await this.#textOf(bytes).then(parsed);
    if (!isJsonObject(json))
      throw this.#unreachable(new Error('it does not answer as an MLflow server does'));
    return json;
  }

  async #ask({
    method,
    path,
    body,
  }: {
    method: HttpRequest['method'];
    path: string;
    body?: string | Blob;
  }): Promise<HttpAnswer> {
    const { url, authorization, asker, now } = this.#options;
    if (this.#down !== undefined && now() < this.#down.until) throw this.#down.error;
    const request: HttpRequest = {
      url: `${withoutCredentials(url)}${path}`,
      method,
      timeoutMs: path.startsWith(ARTIFACTS) ? TRANSFER_MS : TIMEOUT_MS,
      headers: {
        ...(typeof body === 'string' ? { 'content-type': 'application/json' } : {}),
        ...(authorization === undefined ? {} : { authorization }),
        ...(asker === undefined ? {} : { [ASKED_FOR]: encodeURIComponent(asker) }),
      },
      ...(body === undefined ? {} : { body }),
    };
    for (const pause of [...PAUSES_MS, undefined]) {
      const answer = await this.#reach(request);
      if (BUSY.has(answer.status) && pause !== undefined) {
        for await (const _ of answer.body);
        await wait(pause);
        continue;
      }
      if (answer.status >= 200 && answer.status < 300) return answer;
      throw await this.#refused(`${method} ${path.replace(/\?.*$/s, '')}`, answer);
    }
    throw new Error('Internal error: the last try has an answer');
  }

  /** What was cut off is asked once more: all that is sent may be sent twice. */
  async #reach(request: HttpRequest): Promise<HttpAnswer> {
    try {
      return await httpRequest(request);
    } catch (cause) {
      if (!/ECONNRESET|EPIPE|UND_ERR_SOCKET/.test(codeOf(cause))) throw this.#unreachable(cause);
    }
    return httpRequest(request).catch((cause: unknown) => {
      throw this.#unreachable(cause);
    });
  }

  async #refused(request: string, answer: HttpAnswer): Promise<RecipeError> {
    const text = await this.#textOf(answer.body);
    const json = parsed(text);
    const said = isJsonObject(json) ? json : {};
    const code = typeof said['error_code'] === 'string' ? said['error_code'] : `HTTP ${answer.status}`;
    const message = typeof said['message'] === 'string' ? said['message'] : text;
    const problem = `${code}${message === '' ? '' : `, ${message.slice(0, 300)}`}`;
    return new RecipeError(
      answer.status === 403 ? 'TRACKING_FORBIDDEN' : 'TRACKING_REFUSED',
      { server: withoutCredentials(this.url), request, problem },
      { cause: new Refusal(code, message) },
    );
  }

  async #textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
    const chunks: Uint8Array[] = [];
    try {
      for await (const chunk of body) chunks.push(chunk);
    } catch (cause) {
      throw this.#unreachable(cause);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  #unreachable(cause: unknown): RecipeError {
    const error = new RecipeError(
      'TRACKING_UNREACHABLE',
      { server: withoutCredentials(this.url), problem: problemOf(cause) },
      { cause },
    );
    this.#down = { until: this.#options.now() + REST_MS, error };
    return error;
  }
}

/** What only `recipe server` has. */
const OWN = 'stockpot/';
const ARTIFACTS = '/api/2.0/mlflow-artifacts/artifacts/';

function artifactPath(path: string): string {
  return ARTIFACTS + path.split('/').map(encodeURIComponent).join('/');
}

function withoutCredentials(text: string): string {
  return text.replace(/^(https?:\/\/)[^/@]*@/, '$1');
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof AggregateError && cause.message === '') return problemOf(cause.errors[0]);
  return cause instanceof Error ? cause.message : error.message;
}

function codeOf(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return inner instanceof Error && 'code' in inner ? String(inner.code) : '';
}
