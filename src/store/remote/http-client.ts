import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '../../core/world.ts';
import { ConnectionIdle, Connections, type Exchange, type ExchangeAnswer } from '../../net/connections.ts';
import { broken, FIRST_PAUSE_MS, IDLE_MS, reading, TRIES, wholeText } from './far-bytes.ts';
import { RemoteRefused, RemoteUnreachable } from './remote.ts';

export interface HttpRemoteOptions {
  /** `https://stockpot.example.com`, or a folder there; a name and password in it are sent as Basic. */
  readonly url: string;
  /** Of `recipe login`; none where nobody signs in. */
  readonly token: string | undefined;
  readonly clock: Pick<Clock, 'sleep'>;
}

export interface HttpQuestion {
  readonly method: Exchange['method'];
  /** Below the address, as `cas/…`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Made anew for each try. */
  readonly body?: () => Exchange['body'];
  /** Statuses that are an answer to the question, beside those of success. */
  readonly take: readonly number[];
}

export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: AsyncIterable<Uint8Array>;
  /** An earlier try broke off, and may have been carried out. */
  readonly isRepeated: boolean;
}

/** Of a server's own words, characters. */
const MAX_WORDS = 300;

/** Requests to one server, made again when that may help. */
export class HttpClient implements Disposable {
  /** The address, without what is nobody's business. */
  readonly name: string;
  readonly #authorization: string | undefined;
  readonly #clock: HttpRemoteOptions['clock'];
  readonly #connections = new Connections(IDLE_MS);

  /** @throws TypeError if `url` is none */
  constructor({ url, token, clock }: HttpRemoteOptions) {
    const { protocol, host, pathname, username, password } = new URL(url);
    if (protocol !== 'http:' && protocol !== 'https:')
      throw new TypeError(`Not an http address: ${protocol}`);
    this.name = `${protocol}//${host}${pathname.replace(/\/+$/, '')}`;
    const basic = [username, password].map(decodeURIComponent).join(':');
    if (token !== undefined) this.#authorization = `Bearer ${token}`;
    else if (basic !== ':') this.#authorization = `Basic ${Buffer.from(basic).toString('base64')}`;
    this.#clock = clock;
  }

  /**
   * The answer; reading its body throws RemoteUnreachable if it breaks off.
   *
   * @throws RemoteUnreachable, RemoteRefused
   */
  async ask(question: HttpQuestion): Promise<HttpReply> {
    for (let attempt = 1; ; attempt += 1) {
      const got = await this.#attempt(question, attempt > 1);
      if (!(got instanceof Failure)) return got;
      if (!got.mayPass || attempt === TRIES) throw got.error;
      await this.#clock.sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1));
    }
  }

  async #attempt(
    { method, path, headers, body, take }: HttpQuestion,
    isRepeated: boolean,
  ): Promise<HttpReply | Failure> {
    const sent = {
      url: `${this.name}/${path}`,
      method,
      headers: {
        ...headers,
        ...(this.#authorization === undefined ? {} : { authorization: this.#authorization }),
      },
      body: body?.(),
    };
    let answer: ExchangeAnswer;
    try {
      answer = await this.#connections.send(sent);
    } catch (error) {
      return new Failure(!(error instanceof ConnectionIdle), broken(this.name, error));
    }
    const reply = { ...answer, body: reading(this.name, answer.body), isRepeated };
    if ((answer.status >= 200 && answer.status < 300) || take.includes(answer.status)) return reply;
    return this.#failure(reply);
  }

  async #failure({ status, headers, body }: HttpReply): Promise<Failure> {
    const said = wordsOf(await wholeText(this.name, body).catch(() => ''));
    const words = `${this.name}: status ${status}${said === '' ? '' : `, ${said}`}`;
    if (status === 507) return new Failure(false, new RemoteUnreachable(words));
    if (status === 429 || status === 408 || status >= 500)
      return new Failure(true, new RemoteUnreachable(words));
    const { location } = headers;
    const advice =
      location !== undefined && status >= 300 && status < 400
        ? `it is at ${location} now: use that address`
        : this.#advice(status);
    return new Failure(false, new RemoteRefused(advice === undefined ? words : `${words}: ${advice}`));
  }

  #advice(status: number): string | undefined {
    switch (status) {
      case 401:
        return `sign in with \`recipe login ${this.name}\`, or give a token that it knows`;
      case 403:
        return 'ask its administrator for a role of member and a token of scope write, or share it with `read_only: true`';
      case 405:
        return 'a server that files can be PUT to is needed, as docs/remote-cache.md says';
      case 413:
        return 'let the proxy before it pass bodies of any size';
      case 400:
        return 'look at what is here with `recipe cache fsck`';
      default:
        return undefined;
    }
  }

  [Symbol.dispose](): void {
    this.#connections[Symbol.dispose]();
  }
}

class Failure {
  /** Whether the same request may succeed a little later. */
  readonly mayPass: boolean;
  readonly error: RemoteRefused | RemoteUnreachable;

  constructor(mayPass: boolean, error: Failure['error']) {
    this.mayPass = mayPass;
    this.error = error;
  }
}

/** What a Stockpot server says of a refusal, on one line; nothing of a page that another one shows. */
function wordsOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    return typeof message === 'string' ? message.replaceAll(/\p{Cc}+/gu, ' ').slice(0, MAX_WORDS) : '';
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return '';
    throw error;
  }
}
