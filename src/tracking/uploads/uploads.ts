import type { Digest } from '../../core/ids.ts';
import { lock } from '../../db/lock.ts';
import type { Sql } from '../../db/sql.ts';
import { hashSecret, newSecret } from '../access/tokens.ts';

/** A file that comes in parts, which are numbered from 1; times in milliseconds since the Unix epoch. */
export interface NewUpload {
  readonly id: string;
  /** What the file will be called in the space of artifacts. */
  readonly path: string;
  readonly partCount: number;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** Bytes that have come. */
export interface Part {
  readonly number: number;
  readonly digest: Digest;
}

/** Gives the secret by which parts are taken, which nobody can read again. */
export async function beginUpload(
  sql: Sql,
  { id, path, partCount, createdAt, expiresAt }: NewUpload,
): Promise<string> {
  const secret = newSecret();
  await sql.run(
    'INSERT INTO uploads (upload_id, path, part_count, secret_hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
    id,
    path,
    partCount,
    hashSecret(secret),
    createdAt,
    expiresAt,
  );
  return secret;
}

/** An upload that has not lapsed. */
export interface Upload {
  readonly partCount: number;
  /** A digest over those of the parts, once the file is there. */
  readonly madeOf: Digest | undefined;
}

/** An upload of a path; undefined if it was ended, has lapsed or was none of this path. */
export async function findUpload(
  sql: Sql,
  { id, path }: { readonly id: string; readonly path: string },
  now: number,
): Promise<Upload | undefined> {
  const row = await sql.get(
    'SELECT part_count, made_of FROM uploads WHERE upload_id = ? AND path = ? AND expires_at > ?',
    id,
    path,
    now,
  );
  if (row === undefined) return undefined;
  const madeOf = row['made_of'] as Digest | null;
  return { partCount: Number(row['part_count']), madeOf: madeOf ?? undefined };
}

/** Whether an upload has a part of this number, and whoever knows the secret may send it now. */
export async function mayAddPart(
  sql: Sql,
  { id, number, secret }: { readonly id: string; readonly number: number; readonly secret: string },
  now: number,
): Promise<boolean> {
  const row = await sql.get(
    'SELECT 1 AS found FROM uploads WHERE upload_id = ? AND secret_hash = ? AND part_count >= ? AND expires_at > ? AND made_of IS NULL',
    id,
    hashSecret(secret),
    number,
    now,
  );
  return row !== undefined;
}

/** A part that was there is replaced. False: the upload has ended meanwhile. */
export async function addPart(sql: Sql, id: string, { number, digest }: Part): Promise<boolean> {
  const upload = `SELECT 1 AS found FROM uploads WHERE upload_id = ? AND made_of IS NULL${lock(sql, 'share')}`;
  if ((await sql.get(upload, id)) === undefined) return false;
  await sql.run(
    `INSERT INTO upload_parts (upload_id, part_number, digest) VALUES (?, ?, ?)
     ON CONFLICT (upload_id, part_number) DO UPDATE SET digest = excluded.digest`,
    id,
    number,
    digest,
  );
  return true;
}

/** The parts that have come, by their numbers. */
export async function partsOf(sql: Sql, id: string): Promise<Map<number, Part>> {
  const rows = await sql.all('SELECT part_number, digest FROM upload_parts WHERE upload_id = ?', id);
  return new Map(
    rows.map((row): [number, Part] => {
      const number = Number(row['part_number']);
      return [number, { number, digest: row['digest'] as Digest }];
    }),
  );
}

/** Says that the file is there, and forgets the parts. False: the upload was ended meanwhile. */
export async function finishUpload(sql: Sql, id: string, madeOf: Digest): Promise<boolean> {
  const changed = await sql.run('UPDATE uploads SET made_of = ? WHERE upload_id = ?', madeOf, id);
  await sql.run('DELETE FROM upload_parts WHERE upload_id = ?', id);
  return changed > 0;
}

/** Forgets an upload and its parts. False: somebody else did. */
export async function endUpload(sql: Sql, id: string): Promise<boolean> {
  return (await sql.run('DELETE FROM uploads WHERE upload_id = ?', id)) > 0;
}

/** Some of the uploads that were begun and came to no end. */
export async function expiredUploads(sql: Sql, now: number): Promise<string[]> {
  const rows = await sql.all(
    'SELECT upload_id FROM uploads WHERE expires_at <= ? ORDER BY expires_at LIMIT 100',
    now,
  );
  return rows.map((row) => String(row['upload_id']));
}
