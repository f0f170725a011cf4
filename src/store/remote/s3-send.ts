import { createHash, hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { failpoint } from '../../core/failpoint.ts';
import type { Digest } from '../../core/ids.ts';
import { unlessAborted } from '../../core/unless-aborted.ts';
import type { CacheLayout } from '../layout.ts';
import { inLanes } from './in-lanes.ts';
import { type LocalFile, RemoteRefused } from './remote.ts';
import { s3Url } from './s3-address.ts';
import type { S3Client } from './s3-client.ts';
import {
  beginUpload,
  endUpload,
  giveUp,
  listParts,
  MAX_PARTS,
  PARTS_AT_ONCE,
  type Part,
  type PartThere,
  partsOf,
  putPart,
  type Upload,
} from './s3-multipart.ts';
import { takeOldUploads, UploadRecord } from './upload-records.ts';

/** Larger than this, a file is sent in parts. */
export const WHOLE_BYTES = 8 << 20;
/** S3 takes parts of 5 MiB and more. */
const PART_BYTES = 16 << 20;

export interface SendOptions {
  /** Of all bytes. */
  readonly digest: Digest;
  /** Where uploads that have not ended are remembered; undefined: nowhere. */
  readonly layout: Pick<CacheLayout, 'tmp'> | undefined;
  /** Told of each part that is there, also of those that were. */
  readonly onBytes: (count: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Of which some parts may be there. */
interface Begun extends Upload {
  readonly partBytes: number;
  readonly there: ReadonlyMap<number, PartThere>;
}

/**
 * Sends a file in parts, several at once. It has its name when all are there and hash to the digest together; before that
 * there is nothing of that name. An upload that breaks off is remembered, and the next one of the file sends what lacks.
 */
export async function sendInParts(
  client: S3Client,
  key: string,
  file: LocalFile,
  { digest, layout, onBytes, signal }: SendOptions,
): Promise<void> {
  using record = layout === undefined ? undefined : UploadRecord.take(layout, s3Url(client.address, key));
  const upload = (await begunBefore(client, file, record)) ?? (await begun(client, key, file, record));
  try {
    const tags = await unlessAborted(signal, sendMissing(client, upload, file, { digest, onBytes }));
    failpoint('upload.before-end');
    await endUpload(client, upload, tags);
    failpoint('upload.after-end');
    record?.remove();
  } catch (error) {
    // What is refused is over, unless that is refused too: keys that have lapsed will be replaced.
    const isOver = (record === undefined || error instanceof RemoteRefused) && (await giveUp(client, upload));
    if (isOver) record?.remove();
    else record?.leave();
    throw error;
  }
}

/** Ends the uploads to this bucket that nobody has gone on with for a week. */
export async function endOldUploads(client: S3Client, layout: Pick<CacheLayout, 'tmp'>): Promise<void> {
  const old = takeOldUploads(
    layout,
    client.clock.now(),
    ({ url, key }) => s3Url(client.address, key) === url,
  );
  for (const upload of old) await giveUp(client, upload);
}

async function begunBefore(
  client: S3Client,
  { size }: LocalFile,
  record: UploadRecord | undefined,
): Promise<Begun | undefined> {
  const left = record?.read();
  if (left === undefined) return undefined;
  const isFit = left.partBytes > 0 && size / left.partBytes <= MAX_PARTS;
  const there = isFit ? await listParts(client, left) : undefined;
  if (there !== undefined) {
    record?.renew(client.clock.now());
    return { ...left, there };
  }
  await giveUp(client, left);
  return undefined;
}

async function begun(
  client: S3Client,
  key: string,
  { size }: LocalFile,
  record: UploadRecord | undefined,
): Promise<Begun> {
  const { uploadId } = await beginUpload(client, key);
  const partBytes = Math.max(PART_BYTES, Math.ceil(size / MAX_PARTS));
  failpoint('upload.before-record');
  record?.write({ url: s3Url(client.address, key), key, uploadId, partBytes });
  failpoint('upload.after-record');
  return { key, uploadId, partBytes, there: new Map() };
}

/** Gives the tags of all parts. */
async function sendMissing(
  client: S3Client,
  upload: Begun,
  { path, size }: LocalFile,
  { digest, onBytes }: Pick<SendOptions, 'digest' | 'onBytes'>,
): Promise<ReadonlyMap<number, string>> {
  await using file = await open(path);
  const whole = createHash('sha256');
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
  await inLanes(PARTS_AT_ONCE, partsOf(size, upload.partBytes), async (part) => {
    const body = await inTurn(part);
    const there = upload.there.get(part.number);
    const isThere = there !== undefined && isOf(there, body);
    tags.set(part.number, isThere ? there.tag : await putPart(client, upload, part.number, body));
    if (!isThere) failpoint('upload.after-part');
    onBytes(body.byteLength);
  });
  if (whole.digest('hex') !== digest)
    throw new RemoteRefused(
      `${client.name}: ${digest} does not hold what its name says: check the blobs here with \`recipe cache fsck\``,
    );
  return tags;
}

/** Tags are the MD5 of the bytes, unless the bucket encrypts with keys of its own: then nothing says what they are. */
function isOf({ tag, size }: PartThere, bytes: Uint8Array): boolean {
  return size === bytes.byteLength && tag.replaceAll('"', '') === hash('md5', bytes, 'hex');
}

async function readPart(file: FileHandle, { start, size }: Part): Promise<Uint8Array<ArrayBuffer>> {
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
