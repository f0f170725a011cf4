import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Digest } from '../../core/ids.ts';
import { unlessAborted } from '../../core/unless-aborted.ts';
import { inLanes } from './in-lanes.ts';
import { isRemoteProblem, type LocalFile, RemoteRefused, RemoteUnreachable } from './remote.ts';
import { s3CopySource } from './s3-address.ts';
import { element } from './s3-answers.ts';
import type { S3Client } from './s3-client.ts';

/** Larger than this, a file is sent in parts. */
export const WHOLE_BYTES = 8 << 20;
/** S3 takes parts of 5 MiB and more, and 10,000 of them. */
const PART_BYTES = 16 << 20;
const MAX_PARTS = 10_000;
/** Parts of one file that travel at once: so many are in memory. */
const PARTS_AT_ONCE = 4;
/** S3 copies no more in one request. */
export const COPY_BYTES = 5 * 1024 ** 3;
const COPY_PART_BYTES = 1024 ** 3;

interface Part {
  /** From 1. */
  readonly number: number;
  readonly start: number;
  readonly size: number;
}

/**
 * Sends a file in parts, several at once. It has its name when all are there and hash to the digest together;
 * before that, and if anything fails, there is nothing.
 */
export async function sendInParts(
  client: S3Client,
  key: string,
  { path, size }: LocalFile,
  digest: Digest,
  signal?: AbortSignal,
): Promise<void> {
  await using file = await open(path);
  const whole = createHash('sha256');
  const send = async (uploadId: string): Promise<ReadonlyMap<number, string>> => {
    const parts = partsOf(size, Math.max(PART_BYTES, Math.ceil(size / MAX_PARTS)));
    const tags = new Map<number, string>();
    // One part is read after the other, as the digest of the whole wants them.
    let before: Promise<unknown> = Promise.resolve();
    const inTurn = (part: Part): Promise<Uint8Array<ArrayBuffer>> => {
      const bytes = before.then(async () => {
        const all = await readPart(file, part);
        whole.update(all);
        return all;
      });
      before = bytes.catch(() => undefined);
      return bytes;
    };
    await inLanes(PARTS_AT_ONCE, parts, async (part) => {
      const body = await inTurn(part);
      const { headers } = await client.ask({
        method: 'PUT',
        key,
        query: `partNumber=${part.number}&uploadId=${encodeURIComponent(uploadId)}`,
        body,
        digest: Buffer.from(await crypto.subtle.digest('SHA-256', body)).toString('hex'),
      });
      tags.set(part.number, headers.etag ?? '');
    });
    if (whole.digest('hex') !== digest)
      throw new RemoteRefused(
        `${client.name}: ${digest} does not hold what its name says: check the blobs here with \`recipe cache fsck\``,
      );
    return tags;
  };
  await inParts(client, key, async (uploadId) => unlessAborted(signal, send(uploadId)));
}

/** Copies an object of any size onto itself, which makes it young. */
export async function copyInParts(client: S3Client, key: string, size: number): Promise<void> {
  await inParts(client, key, async (uploadId) => {
    const tags = new Map<number, string>();
    await inLanes(PARTS_AT_ONCE, partsOf(size, COPY_PART_BYTES), async (part) => {
      const { text } = await client.ask({
        method: 'PUT',
        key,
        query: `partNumber=${part.number}&uploadId=${encodeURIComponent(uploadId)}`,
        headers: {
          'x-amz-copy-source': s3CopySource(client.address, key),
          'x-amz-copy-source-range': `bytes=${part.start}-${part.start + part.size - 1}`,
        },
      });
      tags.set(part.number, element(text, 'ETag'));
    });
    return tags;
  });
}

/** Parts go up under an id of their own, which is given up if something fails. */
async function inParts(
  client: S3Client,
  key: string,
  send: (uploadId: string) => Promise<ReadonlyMap<number, string>>,
): Promise<void> {
  const { text } = await client.ask({ method: 'POST', key, query: 'uploads=' });
  const uploadId = element(text, 'UploadId');
  const query = `uploadId=${encodeURIComponent(uploadId)}`;
  try {
    const tags = await send(uploadId);
    const list = Array.from(tags)
      .toSorted(([a], [b]) => a - b)
      .map(([number, tag]) => `<Part><PartNumber>${number}</PartNumber><ETag>${escaped(tag)}</ETag></Part>`);
    const done = await client.ask({
      method: 'POST',
      key,
      query,
      body: Buffer.from(`<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`),
      take: [404],
    });
    // A try that broke off has done it, and there is no such upload any more.
    if (done.status === 404 && !done.isRepeated)
      throw new RemoteUnreachable(`${client.name}: an upload was given up while it went on`);
  } catch (error) {
    await giveUp(client, key, query);
    throw error;
  }
}

/** What fails here too is left to the bucket's rule for unfinished uploads. */
async function giveUp(client: S3Client, key: string, query: string): Promise<void> {
  try {
    await client.ask({ method: 'DELETE', key, query, take: [404] });
  } catch (error) {
    if (!isRemoteProblem(error)) throw error;
  }
}

function* partsOf(size: number, partBytes: number): Iterable<Part> {
  for (let number = 1, start = 0; start < size; number += 1, start += partBytes)
    yield { number, start, size: Math.min(partBytes, size - start) };
}

async function readPart(
  file: Awaited<ReturnType<typeof open>>,
  { start, size }: Part,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await file.read(bytes, filled, size - filled, start + filled);
    // A file that is shorter than it was hashes to something else, too.
    if (bytesRead === 0) return bytes.subarray(0, filled);
    filled += bytesRead;
  }
  return bytes;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
