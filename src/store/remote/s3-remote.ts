import { readFile } from 'node:fs/promises';
import type { Digest, Fingerprint } from '../../core/ids.ts';
import { unlessAborted } from '../../core/unless-aborted.ts';
import type { Clock } from '../../core/world.ts';
import { type CacheLayout, shardPath } from '../layout.ts';
import { FRESH_MS } from '../sizes-of.ts';
import { after } from './far-bytes.ts';
import { inLanes } from './in-lanes.ts';
import type { Flight, LocalFile, PutOptions, Remote, RemoteResult } from './remote.ts';
import { type S3Address, s3CopySource } from './s3-address.ts';
import { type S3Answer, S3Client, type S3Credentials } from './s3-client.ts';
import { readS3Records, removeS3Records, writeS3Record } from './s3-flights.ts';
import { COPY_BYTES, copyInParts } from './s3-multipart.ts';
import { endOldUploads, type SendOptions, sendInParts, WHOLE_BYTES } from './s3-send.ts';

export interface S3RemoteOptions {
  readonly address: S3Address;
  readonly credentials: S3Credentials;
  readonly clock: Clock;
  /** Of the cache where uploads that have not ended are remembered; undefined: nowhere. */
  readonly layout?: (() => Pick<CacheLayout, 'tmp'>) | undefined;
}

/** Questions that are asked at once. */
const ASKED_AT_ONCE = 16;

/** A bucket of S3, or of whoever speaks as S3 does: laid out like a cache, names given by conditional PUT. */
export class S3Remote implements Remote {
  readonly name: string;
  readonly #client: S3Client;
  readonly #layout: (() => Pick<CacheLayout, 'tmp'>) | undefined;
  /** The bucket has answered by name: what is missing there is missing in it. */
  #hasBucket = false;
  #hasEndedOld = false;

  constructor({ address, credentials, clock, layout }: S3RemoteOptions) {
    this.#client = new S3Client(address, credentials, clock);
    this.#layout = layout;
    this.name = this.#client.name;
  }

  async sizes(
    digests: readonly Digest[],
    { refresh }: { readonly refresh: boolean },
  ): Promise<ReadonlyMap<Digest, number>> {
    const found = new Map<Digest, number>();
    await inLanes(ASKED_AT_ONCE, digests, async (digest) => {
      const key = blobKey(digest);
      const { status, headers } = await this.#client.ask({ method: 'HEAD', key, take: [404] });
      if (status === 404) return this.#requireBucket(key);
      this.#hasBucket = true;
      const size = Number(headers['content-length']);
      if (refresh && this.#age(headers) > FRESH_MS && !(await this.#renew(key, size))) return;
      found.set(digest, size);
    });
    return found;
  }

  async get(digest: Digest, from: number): Promise<AsyncIterable<Uint8Array> | undefined> {
    const { status, body } = await this.#client.open({
      method: 'GET',
      key: blobKey(digest),
      headers: from === 0 ? {} : { range: `bytes=${from}-` },
      take: [404, 416],
    });
    if (status === 404) return undefined;
    return status === 200 && from > 0 ? after(body, from) : body;
  }

  async put(
    digest: Digest,
    file: LocalFile,
    { onBytes = () => {}, signal }: Pick<PutOptions, 'onBytes' | 'signal'> = {},
  ): Promise<void> {
    const key = blobKey(digest);
    if (file.size > WHOLE_BYTES) return this.#putInParts(key, file, { digest, onBytes, signal });
    const body = await readFile(file.path);
    await unlessAborted(signal, this.#client.ask({ method: 'PUT', key, body, digest }));
  }

  async readResult(fingerprint: Fingerprint): Promise<RemoteResult | undefined> {
    const key = resultKey(fingerprint);
    const { status, headers, text } = await this.#client.ask({ method: 'GET', key, take: [404] });
    this.#hasBucket = true;
    return status === 404 ? undefined : { text, version: headers.etag ?? '' };
  }

  async writeResult(
    fingerprint: Fingerprint,
    text: string,
    over: RemoteResult | undefined,
  ): Promise<boolean> {
    const written = {
      method: 'PUT',
      key: resultKey(fingerprint),
      body: Buffer.from(text),
      headers: { 'content-type': 'application/json' },
    } as const;
    const condition = over === undefined ? { 'if-none-match': '*' } : { 'if-match': over.version };
    const { status, isRepeated } = await this.#client.ask({
      ...written,
      headers: { ...written.headers, ...condition },
      // 404: what was to be replaced is gone.
      take: [...REFUSED_CONDITION, 404],
    });
    if (status < 300) return true;
    if (status !== 501) return isRepeated && (await this.readResult(fingerprint))?.text === text;
    await this.#client.ask(written);
    return true;
  }

  async writeRecord(flight: Flight, name: string, text: string): Promise<boolean> {
    return writeS3Record(this.#client, flight, name, text);
  }

  async readRecords(flight: Flight, newest?: number): Promise<ReadonlyMap<string, string>> {
    return readS3Records(this.#client, flight, newest);
  }

  async removeRecords(flight: Flight, names: readonly string[]): Promise<void> {
    await removeS3Records(this.#client, flight, names);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client[Symbol.dispose]();
  }

  async #putInParts(key: string, file: LocalFile, options: Omit<SendOptions, 'layout'>): Promise<void> {
    const layout = this.#layout?.();
    if (layout !== undefined && !this.#hasEndedOld) {
      this.#hasEndedOld = true;
      await endOldUploads(this.#client, layout);
    }
    await sendInParts(this.#client, key, file, { ...options, layout });
  }

  /** An answer to HEAD has no body that would say what is missing; one to GET has. */
  async #requireBucket(key: string): Promise<void> {
    if (this.#hasBucket) return;
    await this.#client.ask({ method: 'GET', key, headers: { range: 'bytes=0-0' }, take: [404, 416] });
    this.#hasBucket = true;
  }

  /** Milliseconds, both ends by S3's own clock. */
  #age({ date, 'last-modified': modified }: S3Answer['headers']): number {
    const now = date === undefined ? this.#client.clock.now() : Date.parse(date);
    return now - Date.parse(modified ?? '');
  }

  /** S3 has no time of change to set: a blob becomes young by being copied onto itself. False: it is gone. */
  async #renew(key: string, size: number): Promise<boolean> {
    if (size > COPY_BYTES) {
      await copyInParts(this.#client, key, size);
      return true;
    }
    const { status } = await this.#client.ask({
      method: 'PUT',
      key,
      headers: {
        'x-amz-copy-source': s3CopySource(this.#client.address, key),
        'x-amz-metadata-directive': 'REPLACE',
      },
      take: [404],
    });
    return status !== 404;
  }
}

/** 412 and 409: the condition does not hold; 501: there are no conditions. */
const REFUSED_CONDITION = [409, 412, 501];

function blobKey(digest: Digest): string {
  return shardPath('cas', digest);
}

function resultKey(fingerprint: Fingerprint): string {
  return shardPath('results', fingerprint);
}
