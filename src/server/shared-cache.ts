import { createReadStream, lstatSync, openSync, readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Digest, type Fingerprint, fingerprint, isDigest } from '../core/ids.ts';
import { hasCode } from '../core/recipe-error.ts';
import { SentBlobs } from '../store/sent-blobs.ts';
import { SharedResults } from '../store/shared-results.ts';
import { sizesOf } from '../store/sizes-of.ts';
import type { Store } from '../store/store.ts';
import { invalid, missing } from '../tracking/mlflow/mlflow-error.ts';
import { boolean, message, repeated, text } from './message.ts';
import { READ_CACHE, WRITE_CACHE } from './policy.ts';
import { inputOf } from './read-input.ts';
import { type SendableBytes, sendBytes } from './send-file.ts';
import { serveFlights } from './shared-flights.ts';

export interface SharedCache {
  readonly store: Pick<Store, 'blobs' | 'layout'>;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
}

export const SIZES = message({ digests: repeated(text()), refresh: boolean() });
/** A smaller blob is read at once. */
const SMALL = 1 << 16;
const CHUNK = 1 << 20;

/**
 * A cache that machines share: `/cas/<sha256>` as Bazel's HTTP cache has it, results and flights by fingerprint. Of
 * blobs it knows those that somebody sent here: others in the store are files of experiments, or of the server's home.
 */
export function serveSharedCache(app: FastifyInstance, cache: SharedCache): void {
  const sent = new SentBlobs(cache.store.layout);
  app.register(async (blobs) => serveBlobs(blobs, cache, sent));
  app.register(async (rest) => serveResults(rest, cache, sent));
  app.register(async (flights) => serveFlights(flights, cache.store.layout));
}

/** Bytes pass through as they come: one blob may be larger than memory. */
function serveBlobs(app: FastifyInstance, { store: { blobs } }: SharedCache, sent: SentBlobs): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_, payload, done) => done(null, payload));
  const url = '/cas/:digest';
  const head = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const digest = digestOf(request);
    const size = sent.has(digest) ? blobs.size(digest) : undefined;
    if (size === undefined) throw noBlob();
    return reply.header('content-length', size).type('application/octet-stream').send();
  };
  app.head(url, { config: { policy: READ_CACHE } }, head);
  app.get(url, { config: { policy: READ_CACHE } }, async (request, reply) => {
    const digest = digestOf(request);
    const etag = `"${digest}"`;
    if (request.headers['if-none-match'] === etag) return reply.code(304).header('etag', etag).send();
    if (!sent.has(digest)) throw noBlob();
    return sendBytes(blobAt(blobs.path(digest), etag), request, reply);
  });
  app.put(
    url,
    { config: { policy: WRITE_CACHE, takesFile: true }, bodyLimit: Number.MAX_SAFE_INTEGER },
    async (request, reply) => {
      const digest = digestOf(request);
      const body = (request.body ?? request.raw) as Readable;
      try {
        if (!(await blobs.takeIn(digest, body.iterator({ destroyOnReturn: false }))))
          throw invalid(`The bytes that came are not those of ${digest}: nothing was kept of them.`);
      } finally {
        // What is left of it where the disk is full: else the next request on this connection is never read.
        body.resume();
      }
      // Whoever writes the result may reach another server of this folder.
      await Promise.all([sent.mark(digest), blobs.settle()]);
      return reply.send({});
    },
  );
}

function serveResults(
  app: FastifyInstance,
  { store: { blobs, layout }, now }: SharedCache,
  sent: SentBlobs,
): void {
  const results = new SharedResults(layout.shared, layout.base, blobs);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  app.post('/cas/sizes', { config: { policy: READ_CACHE } }, async (request, reply) => {
    const { digests, refresh = false } = SIZES.read(inputOf(request));
    const named = digests.map((one) => checked(one, 'digest') as Digest);
    const known = named.filter((digest) => sent.has(digest));
    return reply.send({ sizes: Object.fromEntries(sizesOf(blobs, known, refresh ? now() : undefined)) });
  });
  const url = '/results/:fingerprint';
  app.get(url, { config: { policy: READ_CACHE } }, async (request, reply) => {
    const wanted = fingerprintOf(request);
    const found = results.read(wanted);
    if (found === undefined) throw missing('There is no result of this fingerprint.');
    results.markUsed(wanted, now());
    const etag = `"${found.version}"`;
    reply.header('etag', etag).header('content-security-policy', 'sandbox');
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    return reply.type('application/json').send(found.text);
  });
  app.put(url, { config: { policy: WRITE_CACHE } }, async (request, reply) => {
    const wanted = fingerprintOf(request);
    const over = request.headers['if-match']?.replaceAll('"', '');
    const body = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
    if (await results.write(wanted, body, over)) return reply.code(201).send({});
    return reply.code(412).send({
      error_code: 'RESOURCE_ALREADY_EXISTS',
      message:
        over === undefined
          ? 'There is a result of this fingerprint.'
          : 'The result of this fingerprint is not the one that If-Match names.',
    });
  });
}

/** Opened when it is sent: its bytes are there to the end, also if gc takes its name. */
function blobAt(path: string, etag: string): SendableBytes {
  const size = lstatSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw noBlob();
  return {
    size,
    etag,
    stream: (start, end) => {
      try {
        if (size <= SMALL) return readFileSync(path).subarray(start, end + 1);
        return createReadStream(path, { fd: openSync(path, 'r'), start, end, highWaterMark: CHUNK });
      } catch (error) {
        if (hasCode(error, 'ENOENT')) throw noBlob();
        throw error;
      }
    },
  };
}

function digestOf(request: FastifyRequest): Digest {
  return checked((request.params as { readonly digest: string }).digest, 'digest') as Digest;
}

function fingerprintOf(request: FastifyRequest): Fingerprint {
  return fingerprint(
    checked((request.params as { readonly fingerprint: string }).fingerprint, 'fingerprint'),
  );
}

function checked(text: string, what: string): string {
  if (!isDigest(text)) throw invalid(`Invalid ${what}: it must be 64 lower-case hex digits.`);
  return text;
}

function noBlob(): Error {
  return missing('There is no blob of this digest.');
}
