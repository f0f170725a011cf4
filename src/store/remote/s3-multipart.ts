import { inLanes } from './in-lanes.ts';
import { isRemoteProblem, RemoteUnreachable } from './remote.ts';
import { s3CopySource, s3QueryPart } from './s3-address.ts';
import { element, elements } from './s3-answers.ts';
import type { S3Client } from './s3-client.ts';

/** S3 takes so many. */
export const MAX_PARTS = 10_000;
/** Parts of one file that travel at once: so many are in memory. */
export const PARTS_AT_ONCE = 4;
/** S3 copies no more in one request. */
export const COPY_BYTES = 5 * 1024 ** 3;
const COPY_PART_BYTES = 1024 ** 3;
/** 403: the key may not list parts; the others: nobody can. */
const UNLISTED = [403, 404, 405, 501];

export interface Part {
  /** From 1. */
  readonly number: number;
  readonly start: number;
  readonly size: number;
}

/** What goes up under an id of its own, and has its name when all parts are there. */
export interface Upload {
  readonly key: string;
  readonly uploadId: string;
}

/** A part that has come, as S3 tells it. */
export interface PartThere {
  readonly tag: string;
  readonly size: number;
}

export async function beginUpload(client: S3Client, key: string): Promise<Upload> {
  const { text } = await client.ask({ method: 'POST', key, query: 'uploads=' });
  return { key, uploadId: element(text, 'UploadId') };
}

/** The parts that have come, by number; undefined: there is no such upload any more, or S3 does not say. */
export async function listParts(
  client: S3Client,
  upload: Upload,
): Promise<ReadonlyMap<number, PartThere> | undefined> {
  const parts = new Map<number, PartThere>();
  for (let after = 0; ; ) {
    const { status, text } = await client.ask({
      method: 'GET',
      key: upload.key,
      query: after === 0 ? queryOf(upload) : `part-number-marker=${after}&${queryOf(upload)}`,
      take: UNLISTED,
    });
    if (UNLISTED.includes(status)) return undefined;
    for (const part of elements(text, 'Part'))
      parts.set(Number(element(part, 'PartNumber')), {
        tag: element(part, 'ETag'),
        size: Number(element(part, 'Size')),
      });
    const next = Number(element(text, 'NextPartNumberMarker'));
    if (element(text, 'IsTruncated') !== 'true' || !(next > after)) return parts;
    after = next;
  }
}

/** Gives the part's tag, by which the end of the upload names it. */
export async function putPart(
  client: S3Client,
  upload: Upload,
  number: number,
  body: Uint8Array<ArrayBuffer>,
): Promise<string> {
  const { headers } = await client.ask({
    method: 'PUT',
    key: upload.key,
    query: queryOf(upload, number),
    body,
    digest: Buffer.from(await crypto.subtle.digest('SHA-256', body)).toString('hex'),
  });
  return headers.etag ?? '';
}

/** @param tags of all parts, by number */
export async function endUpload(
  client: S3Client,
  upload: Upload,
  tags: ReadonlyMap<number, string>,
): Promise<void> {
  const list = Array.from(tags)
    .toSorted(([a], [b]) => a - b)
    .map(([number, tag]) => `<Part><PartNumber>${number}</PartNumber><ETag>${escaped(tag)}</ETag></Part>`);
  const done = await client.ask({
    method: 'POST',
    key: upload.key,
    query: queryOf(upload),
    body: Buffer.from(`<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`),
    take: [404],
  });
  // A try that broke off has done it, and there is no such upload any more.
  if (done.status === 404 && !done.isRepeated)
    throw new RemoteUnreachable(`${client.name}: an upload was given up while it went on`);
}

/** False: that fails too, and it is left to the bucket's rule for unfinished uploads. */
export async function giveUp(client: S3Client, upload: Upload): Promise<boolean> {
  try {
    await client.ask({ method: 'DELETE', key: upload.key, query: queryOf(upload), take: [404] });
    return true;
  } catch (error) {
    if (!isRemoteProblem(error)) throw error;
    return false;
  }
}

/** Copies an object of any size onto itself, which makes it young. */
export async function copyInParts(client: S3Client, key: string, size: number): Promise<void> {
  const upload = await beginUpload(client, key);
  try {
    const tags = new Map<number, string>();
    await inLanes(PARTS_AT_ONCE, partsOf(size, COPY_PART_BYTES), async (part) => {
      const { text } = await client.ask({
        method: 'PUT',
        key,
        query: queryOf(upload, part.number),
        headers: {
          'x-amz-copy-source': s3CopySource(client.address, key),
          'x-amz-copy-source-range': `bytes=${part.start}-${part.start + part.size - 1}`,
        },
      });
      tags.set(part.number, element(text, 'ETag'));
    });
    await endUpload(client, upload, tags);
  } catch (error) {
    await giveUp(client, upload);
    throw error;
  }
}

export function* partsOf(size: number, partBytes: number): Iterable<Part> {
  for (let number = 1, start = 0; start < size; number += 1, start += partBytes)
    yield { number, start, size: Math.min(partBytes, size - start) };
}

function queryOf({ uploadId }: Upload, partNumber?: number): string {
  const id = `uploadId=${s3QueryPart(uploadId)}`;
  return partNumber === undefined ? id : `partNumber=${partNumber}&${id}`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
