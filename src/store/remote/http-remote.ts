import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Digest, Fingerprint } from '../../core/ids.ts';
import { unlessAborted } from '../../core/unless-aborted.ts';
import { digestOf } from '../hash.ts';
import { after, nothing, wholeText } from './far-bytes.ts';
import { HttpClient, type HttpQuestion, type HttpRemoteOptions } from './http-client.ts';
import { readHttpRecords, removeHttpRecords, writeHttpRecord } from './http-flights.ts';
import { inLanes } from './in-lanes.ts';
import type { Flight, LocalFile, PutOptions, Remote, RemoteResult } from './remote.ts';
import { RemoteUnreachable } from './remote.ts';

/** Digests that one question names: a body of 340 KB. */
const BATCH = 5000;
/** Questions at once where each is about one blob. */
const LANES = 16;
/** A smaller file is read at once. */
const SMALL = 1 << 16;
const CHUNK = 1 << 20;
/** What servers say that know no question about many blobs. */
const NO_BATCH = [400, 404, 405, 501];
/** There is another result; a server that writes none over what it has says it with the first. */
const ANOTHER = [409, 412];

/**
 * A cache behind `GET`, `HEAD` and `PUT` of `/cas/<sha256>` and `/results/<fingerprint>`: `recipe server`, or any
 * web server that keeps files. One that heeds no `If-Match` and `If-None-Match` lets the last writer win.
 */
export class HttpRemote implements Remote {
  readonly name: string;
  readonly #client: HttpClient;
  #hasBatch = true;

  constructor(options: HttpRemoteOptions) {
    this.#client = new HttpClient(options);
    this.name = this.#client.name;
  }

  async sizes(
    digests: readonly Digest[],
    { refresh }: { readonly refresh: boolean },
  ): Promise<ReadonlyMap<Digest, number>> {
    const found = new Map<Digest, number>();
    for (let at = 0; at < digests.length; at += BATCH) {
      const batch = digests.slice(at, at + BATCH);
      const sizes = this.#hasBatch ? await this.#askedAtOnce(batch, refresh) : undefined;
      if (sizes !== undefined) for (const [digest, size] of sizes) found.set(digest, size);
      else
        await inLanes(LANES, batch, async (digest) => {
          const size = await this.#askedAlone(digest);
          if (size !== undefined) found.set(digest, size);
        });
    }
    return found;
  }

  async get(digest: Digest, from: number): Promise<AsyncIterable<Uint8Array> | undefined> {
    const { status, body } = await this.#client.ask({
      method: 'GET',
      path: `cas/${digest}`,
      headers: from === 0 ? {} : { range: `bytes=${from}-` },
      take: [404, 416],
    });
    if (status === 206 || (status === 200 && from === 0)) return body;
    if (status === 200) return after(body, from);
    await leave(body);
    // Nothing is after its last byte.
    return status === 416 ? nothing() : undefined;
  }

  async put(digest: Digest, file: LocalFile, { signal }: Pick<PutOptions, 'signal'> = {}): Promise<void> {
    await unlessAborted(signal, this.#putFile(digest, file));
  }

  async #putFile(digest: Digest, { path, size }: LocalFile): Promise<void> {
    if (size <= SMALL) return this.#put(digest, () => readFileSync(path));
    // That it is gone is no fault of the server.
    await using file = await open(path);
    await this.#put(digest, () => ({
      stream: file.createReadStream({ start: 0, autoClose: false, highWaterMark: CHUNK }),
      size,
    }));
  }

  async readResult(fingerprint: Fingerprint): Promise<RemoteResult | undefined> {
    const answer = await this.#client.ask({ method: 'GET', path: `results/${fingerprint}`, take: [404] });
    const text = await wholeText(this.name, answer.body);
    if (answer.status === 404) return undefined;
    return { text, version: answer.headers.etag ?? `"${digestOf(text)}"` };
  }

  async writeResult(
    fingerprint: Fingerprint,
    text: string,
    over: RemoteResult | undefined,
  ): Promise<boolean> {
    const { status, body, isRepeated } = await this.#client.ask({
      method: 'PUT',
      path: `results/${fingerprint}`,
      headers: {
        'content-type': 'application/json',
        ...(over === undefined ? { 'if-none-match': '*' } : { 'if-match': over.version }),
      },
      body: () => Buffer.from(text),
      take: ANOTHER,
    });
    await leave(body);
    if (!ANOTHER.includes(status)) return true;
    // What is there may be what the try wrote whose answer did not come.
    return isRepeated && (await this.readResult(fingerprint))?.text === text;
  }

  async writeRecord(flight: Flight, name: string, text: string): Promise<boolean> {
    return writeHttpRecord(this.#client, flight, name, text);
  }

  async readRecords(flight: Flight): Promise<ReadonlyMap<string, string>> {
    return readHttpRecords(this.#client, flight);
  }

  async removeRecords(flight: Flight, names: readonly string[]): Promise<void> {
    await removeHttpRecords(this.#client, flight, names);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client[Symbol.dispose]();
  }

  async #put(digest: Digest, body: NonNullable<HttpQuestion['body']>): Promise<void> {
    const answer = await this.#client.ask({
      method: 'PUT',
      path: `cas/${digest}`,
      headers: { 'content-type': 'application/octet-stream' },
      body,
      take: [],
    });
    await leave(answer.body);
  }

  async #askedAtOnce(
    digests: readonly Digest[],
    refresh: boolean,
  ): Promise<ReadonlyMap<Digest, number> | undefined> {
    const answer = await this.#client.ask({
      method: 'POST',
      path: 'cas/sizes',
      headers: { 'content-type': 'application/json' },
      body: () => Buffer.from(JSON.stringify({ digests, refresh })),
      take: NO_BATCH,
    });
    const text = await wholeText(this.name, answer.body);
    if (NO_BATCH.includes(answer.status)) {
      this.#hasBatch = false;
      return undefined;
    }
    return sizesIn(text) ?? fail(`${this.name}: the answer to POST cas/sizes is none`);
  }

  async #askedAlone(digest: Digest): Promise<number | undefined> {
    const { status, headers, body } = await this.#client.ask({
      method: 'HEAD',
      path: `cas/${digest}`,
      take: [404],
    });
    await leave(body);
    const length = headers['content-length'];
    return status === 404 || length === undefined ? undefined : Number(length);
  }
}

function sizesIn(text: string): ReadonlyMap<Digest, number> | undefined {
  try {
    const { sizes } = JSON.parse(text) as { readonly sizes?: Readonly<Record<string, number>> };
    return sizes === undefined ? undefined : new Map(Object.entries(sizes) as [Digest, number][]);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function fail(message: string): never {
  throw new RemoteUnreachable(message);
}

/** Reads what is left of an answer, so that its connection can be used again. */
async function leave(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const all = bytes[Symbol.asyncIterator]();
  while ((await all.next()).done !== true);
}
