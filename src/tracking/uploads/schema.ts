import type { Dialect } from '../../db/sql.ts';

/** Files that come in parts: a numbered step of both databases' schemas, which is never edited. */
export function uploadTables(dialect: Dialect): string {
  const text = dialect === 'sqlite' ? 'TEXT' : 'text COLLATE "C"';
  const bigint = dialect === 'sqlite' ? 'INTEGER' : 'bigint';
  const end = dialect === 'sqlite' ? ') WITHOUT ROWID' : ')';
  return `CREATE TABLE uploads (upload_id ${text} PRIMARY KEY, path ${text} NOT NULL, part_count ${bigint} NOT NULL,
     secret_hash ${text} NOT NULL, created_at ${bigint} NOT NULL, expires_at ${bigint} NOT NULL,
     made_of ${text}${end};
   CREATE INDEX uploads_by_end ON uploads (expires_at);
   CREATE TABLE upload_parts (upload_id ${text} NOT NULL REFERENCES uploads ON DELETE CASCADE,
     part_number ${bigint} NOT NULL, digest ${text} NOT NULL,
     PRIMARY KEY (upload_id, part_number)${end};`;
}
