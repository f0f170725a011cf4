import { PostgresDatabase } from '../src/db/postgres-database.ts';
import type { Row, Sql } from '../src/db/sql.ts';
import { ledgerMigrations } from '../src/ledger/schema.ts';
import { POSTGRES_TRACKING_MIGRATIONS } from '../src/tracking/postgres/schema.ts';

/** By the names of the PostgreSQL schemas that they make. */
export const POSTGRES_SCHEMAS = {
  tracking: POSTGRES_TRACKING_MIGRATIONS,
  ledger: ledgerMigrations('postgres'),
} as const;

/** The schema that this version makes in an empty database. */
export async function freshPostgresSchema(url: string, name: keyof typeof POSTGRES_SCHEMAS): Promise<string> {
  await using database = await PostgresDatabase.open({
    url,
    schema: name,
    migrations: POSTGRES_SCHEMAS[name],
  });
  return await database.read((sql) => dumpPostgresSchema(sql, name));
}

/**
 * A PostgreSQL schema as its catalogue has it, with its number: the same text for the same schema. Of a view its
 * columns only: how its query is written differs between versions of PostgreSQL.
 */
export async function dumpPostgresSchema(sql: Sql, schema: string): Promise<string> {
  const lines = Map.groupBy(
    [...(await columns(sql, schema)), ...(await constraints(sql, schema)), ...(await indexes(sql, schema))],
    ({ of }) => of,
  );
  const blocks = [...lines].map(([of, parts]) => `${of}\n${parts.map(({ line }) => `  ${line}\n`).join('')}`);
  const version = await sql.get('SELECT version FROM schema_version');
  return `${blocks.join('')}version ${String(version?.['version'])}\n`;
}

interface Line {
  /** `table runs` */
  readonly of: string;
  readonly line: string;
}

async function columns(sql: Sql, schema: string): Promise<Line[]> {
  const rows = await sql.all(
    `SELECT CASE c.relkind WHEN 'v' THEN 'view ' ELSE 'table ' END || c.relname AS relation, a.attname AS name,
       format_type(a.atttypid, a.atttypmod) AS type, l.collname AS language, a.attnotnull AS required, a.attidentity AS identity,
       pg_get_expr(d.adbin, d.adrelid) AS fallback
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       LEFT JOIN pg_collation l ON l.oid = a.attcollation
       LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
     WHERE n.nspname = ? AND c.relkind IN ('r', 'v') ORDER BY c.relname, a.attnum`,
    schema,
  );
  return rows.map((row) => {
    const parts = [
      `${String(row['name'])} ${String(row['type'])}`,
      ...(row['language'] === null ? [] : [`COLLATE "${String(row['language'])}"`]),
      ...(row['required'] === true ? ['NOT NULL'] : []),
      ...(row['identity'] === ''
        ? []
        : [`GENERATED ${row['identity'] === 'a' ? 'ALWAYS' : 'BY DEFAULT'} AS IDENTITY`]),
      ...(row['fallback'] === null ? [] : [`DEFAULT ${String(row['fallback'])}`]),
    ];
    return { of: String(row['relation']), line: parts.join(' ') };
  });
}

async function constraints(sql: Sql, schema: string): Promise<Line[]> {
  const rows = await sql.all(
    `SELECT 'table ' || c.relname AS relation, k.conname || ' ' || pg_get_constraintdef(k.oid) AS line
     FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = ? AND k.contype IN ('p', 'u', 'f', 'c') ORDER BY k.conname`,
    schema,
  );
  return rows.map(lineOf);
}

/** But those of keys. */
async function indexes(sql: Sql, schema: string): Promise<Line[]> {
  const rows = await sql.all(
    `SELECT 'table ' || c.relname AS relation, pg_get_indexdef(i.indexrelid) AS line
     FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_class x ON x.oid = i.indexrelid
     WHERE n.nspname = ? AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u'))
     ORDER BY x.relname`,
    schema,
  );
  return rows.map(lineOf);
}

function lineOf(row: Row): Line {
  return { of: String(row['relation']), line: String(row['line']) };
}
