import { lookup as lookUp } from 'node:dns';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { isIP, type LookupFunction } from 'node:net';
import { isPublicAddress } from './public-address.ts';

export interface OutboundRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface OutboundAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** Its beginning, at most. */
  readonly body: string;
}

/** An address that the server does not go to, whoever asks; its message says why. */
export class DestinationRefused extends Error {
  override readonly name = 'DestinationRefused';
  /** If that is what is wrong. */
  readonly scheme: string | undefined;

  constructor(message: string, scheme?: string) {
    super(message);
    this.scheme = scheme;
  }
}

/** Bytes of an answer that are read. */
const MAX_BODY = 4096;

/**
 * The way to addresses that users name: https to public addresses, and what the operator allows. A name is
 * looked up once, and the connection goes to what was found. Redirects are answers like others.
 */
export class Outbound {
  readonly #allowed: ReadonlySet<string>;

  /** @param allowed `HOST` or `HOST:PORT`, as URLs write them, that may be anywhere, and by http too */
  constructor(allowed: readonly string[] = []) {
    this.#allowed = new Set(allowed.map((one) => one.toLowerCase()));
  }

  /**
   * Where a URL leads, as far as it can be told without asking anybody.
   *
   * @throws DestinationRefused
   */
  check(url: string): URL {
    if (!URL.canParse(url)) throw new DestinationRefused('It is no URL.');
    const parsed = new URL(url);
    const { protocol, hostname, username, password } = parsed;
    const schemes = this.#isAllowed(parsed) ? ['https:', 'http:'] : ['https:'];
    if (!schemes.includes(protocol)) {
      const scheme = protocol.slice(0, -1);
      throw new DestinationRefused(`Its scheme is ${scheme}, and only https is taken.`, scheme);
    }
    if (username !== '' || password !== '')
      throw new DestinationRefused('It holds a user name or a password.');
    const literal = hostname.replace(/^\[(.*)\]$/, '$1');
    if (isIP(literal) !== 0 && !this.#isAllowed(parsed)) requirePublic(literal, literal);
    return parsed;
  }

  /** @throws DestinationRefused, or what the network says */
  async post({ url, headers, body, timeoutMs, signal }: OutboundRequest): Promise<OutboundAnswer> {
    const to = this.check(url);
    const timeout = AbortSignal.timeout(timeoutMs);
    const options = {
      method: 'POST',
      headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
      // A connection of its own: none that was made under other rules.
      agent: false as const,
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      ...(this.#isAllowed(to) ? {} : { lookup: lookUpPublic }),
    };
    // Few servers call anybody; none waits for it at its start.
    const { request } = await (to.protocol === 'https:' ? import('node:https') : import('node:http'));
    const sent = request(to, options);
    try {
      const answer = await answerTo(sent, body);
      const { statusCode = 0, headers: got } = answer;
      return { status: statusCode, retryAfter: got['retry-after'], body: await beginningOf(answer) };
    } catch (error) {
      if (timeout.aborted)
        throw new Error(`There was no answer within ${timeoutMs / 1000} s.`, { cause: error });
      throw error;
    } finally {
      sent.destroy();
    }
  }

  /** A URL leaves out the port that its scheme has anyway. */
  #isAllowed({ protocol, hostname, port }: URL): boolean {
    const at = port === '' ? (protocol === 'http:' ? 80 : 443) : port;
    return this.#allowed.has(hostname) || this.#allowed.has(`${hostname}:${at}`);
  }
}

/** The addresses of a name, if all of them are public: the connection goes to one of these. */
const lookUpPublic: LookupFunction = (hostname, options, done) => {
  lookUp(hostname, { ...options, all: true }, (error, addresses) => {
    try {
      if (error !== null) throw error;
      for (const { address } of addresses) requirePublic(address, hostname);
    } catch (refused) {
      done(refused as NodeJS.ErrnoException, []);
      return;
    }
    const [first] = addresses;
    if (options.all === true) done(null, addresses);
    else done(null, first?.address ?? '', first?.family);
  });
};

function requirePublic(address: string, name: string): void {
  if (isPublicAddress(address)) return;
  const what = address === name ? address : `${name} is at ${address}, which`;
  throw new DestinationRefused(`${what} is no public address.`);
}

async function answerTo(sent: ClientRequest, body: string): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  sent.on('response', resolve);
  // Stays: what is cut off later fails who reads.
  sent.on('error', reject);
  sent.end(body);
  return promise;
}

async function beginningOf(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    parts.push(part);
    size += part.byteLength;
    if (size >= MAX_BODY) break;
  }
  return Buffer.concat(parts).subarray(0, MAX_BODY).toString('utf8');
}
