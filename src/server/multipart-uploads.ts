import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { createReadStream, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../core/ids.ts';
import { hasCode } from '../core/recipe-error.ts';
import type { Database, Sql } from '../db/sql.ts';
import { digestOf } from '../store/hash.ts';
import { makePrivateFolder } from '../store/private-folder.ts';
import type { Store } from '../store/store.ts';
import { writeHashed } from '../store/write-hashed.ts';
import { invalid, MlflowError, missing } from '../tracking/mlflow/mlflow-error.ts';
import {
  addPart,
  beginUpload,
  endUpload,
  expiredUploads,
  findUpload,
  finishUpload,
  mayAddPart,
  type Part,
  partsOf,
  type Upload,
} from '../tracking/uploads/uploads.ts';
import { checkPath } from './artifact-path.ts';
import type { Artifacts } from './artifacts.ts';

export const MAX_PARTS = 10_000;
/** As long as `cache gc` leaves alone what is half written. */
const LASTS_MS = 24 * 3_600_000;
/** Bytes of a part that are in memory at once. */
const CHUNK = 1 << 20;

/** A part as a client names it when all have been sent. */
export interface SentPart {
  readonly number: number;
  readonly etag: string;
}

/**
 * Files that come in parts, several at once. What is under way stands in the database, and the parts' bytes lie
 * in the cache: any server that shares both takes any part. A file is there when all of it is.
 */
export class MultipartUploads {
  readonly #database: Database;
  readonly #artifacts: Artifacts;
  readonly #dir: string;
  readonly #now: () => number;

  constructor({
    database,
    artifacts,
    store,
    now,
  }: { database: Database; artifacts: Artifacts; store: Pick<Store, 'layout'>; now: () => number }) {
    this.#database = database;
    this.#artifacts = artifacts;
    this.#dir = store.layout.tmp;
    this.#now = now;
  }

  /** Gives the upload's id, and the secret by which its parts are taken from whoever has it. */
  async begin(path: string, partCount: number): Promise<{ id: string; secret: string }> {
    checkPath(path);
    if (partCount < 1 || partCount > MAX_PARTS)
      throw invalid(
        `Invalid value ${partCount} for parameter 'num_parts' supplied: it must be from 1 to ${MAX_PARTS}.`,
      );
    await this.#collectExpired();
    const id = randomBytes(16).toString('hex');
    const now = this.#now();
    makePrivateFolder(this.#folder(id));
    const upload = { id, path, partCount, createdAt: now, expiresAt: now + LASTS_MS };
    return { id, secret: await this.#database.write((sql) => beginUpload(sql, upload)) };
  }

  /** Keeps a part's bytes, and gives what the client has to name it by. One that came before is replaced. */
  async put(
    part: { readonly id: string; readonly number: number; readonly secret: string },
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<Digest> {
    const { id, number } = part;
    if (!(await this.#database.read((sql) => mayAddPart(sql, part, this.#now())))) throw notOpen();
    const temporary = join(this.#folder(id), randomUUID());
    try {
      const digest = await writeHashed(temporary, bytes, { mode: 0o600, isDurable: false });
      // By its digest: of two requests for one part none takes away what the other is told of.
      renameSync(temporary, join(this.#folder(id), digest));
      if (!(await this.#database.write((sql) => addPart(sql, id, { number, digest })))) throw notOpen();
      return digest;
    } catch (error) {
      // Its folder went when the upload ended.
      if (hasCode(error, 'ENOENT')) throw notOpen();
      throw error;
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  /**
   * Makes a file of all parts: whoever reads sees all of it or what was there before. Whoever says it again has
   * not heard of the end, and is told of it.
   */
  async complete(id: string, path: string, sent: readonly SentPart[]): Promise<void> {
    const madeOf = digestOfAll(sent);
    const [upload, come] = await this.#database.read(async (sql) => [
      await this.#require(sql, id, path),
      await partsOf(sql, id),
    ]);
    if (upload.madeOf === madeOf) return;
    if (upload.madeOf !== undefined) throw invalid('The upload is complete, and was made of other parts.');
    try {
      await this.#artifacts.put(path, this.#joined(id, inOrder(sent, come, upload.partCount)));
    } catch (error) {
      if (!(error instanceof PartLost)) throw error;
      // Who completed it meanwhile took the parts away.
      const now = await this.#database.read((sql) => this.#require(sql, id, path));
      if (now.madeOf !== madeOf) throw invalid(error.message);
      return;
    }
    if (!(await this.#database.write((sql) => finishUpload(sql, id, madeOf)))) throw noUpload(id, path);
    this.#removeFolder(id);
  }

  async abort(id: string, path: string): Promise<void> {
    await this.#database.write(async (sql) => {
      const { madeOf } = await this.#require(sql, id, path);
      if (madeOf !== undefined || !(await endUpload(sql, id))) throw noUpload(id, path);
    });
    this.#removeFolder(id);
  }

  async #require(sql: Sql, id: string, path: string): Promise<Upload> {
    const upload = await findUpload(sql, { id, path }, this.#now());
    if (upload === undefined) throw noUpload(id, path);
    return upload;
  }

  async *#joined(id: string, parts: readonly Part[]): AsyncGenerator<Uint8Array> {
    for (const { number, digest } of parts) {
      const hash = createHash('sha256');
      try {
        const bytes = createReadStream(join(this.#folder(id), digest), { highWaterMark: CHUNK });
        for await (const chunk of bytes as AsyncIterable<Buffer>) {
          hash.update(chunk);
          yield chunk;
        }
      } catch (error) {
        if (hasCode(error, 'ENOENT')) throw new PartLost(number);
        throw error;
      }
      // Parts are not waited for until they are on the disk: a power cut may have taken some of one.
      if (hash.digest('hex') !== digest) throw new PartLost(number);
    }
  }

  async #collectExpired(): Promise<void> {
    const expired = await this.#database.read((sql) => expiredUploads(sql, this.#now()));
    for (const id of expired) {
      this.#removeFolder(id);
      await this.#database.write((sql) => endUpload(sql, id));
    }
  }

  #folder(id: string): string {
    return join(this.#dir, `upload-${id}`);
  }

  #removeFolder(id: string): void {
    rmSync(this.#folder(id), { recursive: true, force: true });
  }
}

/** The parts of a file in their order; each must have come, and be named as it came. */
function inOrder(sent: readonly SentPart[], come: ReadonlyMap<number, Part>, count: number): Part[] {
  const named = new Map(sent.map(({ number, etag }) => [number, etag]));
  if (named.size !== sent.length || sent.length > count || sent.some(({ number }) => !isFrom(number, count)))
    throw invalid(
      `Invalid value for parameter 'parts' supplied: it must name each part from 1 to ${count} once.`,
    );
  return Array.from({ length: count }, (_, index) => {
    const number = index + 1;
    const part = come.get(number);
    const etag = named.get(number);
    if (part === undefined) throw invalid(`Part ${number} of ${count} has not been sent.`);
    if (etag === undefined) throw invalid(`Part ${number} of ${count} is missing in parameter 'parts'.`);
    if (digestIn(etag) !== part.digest)
      throw invalid(`The etag of part ${number} is not the one that was given for it: send the part again.`);
    return part;
  });
}

/** Names the parts of a file and their bytes. */
function digestOfAll(sent: readonly SentPart[]): Digest {
  const sorted = sent.toSorted((a, b) => a.number - b.number);
  return digestOf(sorted.map(({ number, etag }) => `${number} ${digestIn(etag)}\n`).join(''));
}

/** An entity tag stands between quotes, which some clients take off. */
function digestIn(etag: string): string {
  return etag.replaceAll('"', '');
}

function isFrom(number: number, count: number): boolean {
  return number >= 1 && number <= count;
}

class PartLost extends Error {
  constructor(number: number) {
    super(`Part ${number} is no longer there: send it again.`);
  }
}

function noUpload(id: string, path: string): MlflowError {
  return missing(
    `There is no multipart upload ${JSON.stringify(id.slice(0, 80))} of '${path}': it is complete, aborted or expired.`,
  );
}

/** Says the same of a wrong secret: whether there is an upload is for who has it. */
function notOpen(): MlflowError {
  return new MlflowError(
    'PERMISSION_DENIED',
    'This address takes parts of a multipart upload that has not ended, with the headers that came with it.',
  );
}
