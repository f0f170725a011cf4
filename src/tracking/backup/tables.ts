import type { DatabaseSync } from 'node:sqlite';

/** A table of the tracking database: it has the same name and columns on SQLite and PostgreSQL. */
export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
}

/** The tables of a tracking file; one that another refers to comes first. */
export function tablesOf(db: DatabaseSync): readonly Table[] {
  const names = db
    .prepare(
      `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name`,
    )
    .all()
    .map(({ name }) => String(name));
  const sorted = new Set<string>();
  const put = (name: string): void => {
    if (sorted.has(name)) return;
    const parents = db.prepare('SELECT DISTINCT "table" AS name FROM pragma_foreign_key_list(?)').all(name);
    for (const parent of parents) if (parent['name'] !== name) put(String(parent['name']));
    sorted.add(name);
  };
  for (const name of names) put(name);
  return Array.from(sorted, (name) => ({
    name,
    columns: db
      .prepare('SELECT name FROM pragma_table_info(?)')
      .all(name)
      .map((column) => String(column['name'])),
  }));
}

/** An INSERT of whole rows. Names are those of our own schema. */
export function insertInto({ name, columns }: Table): string {
  return `INSERT INTO ${name} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
}

/** Worked out from others by the database itself, where it keeps them at all. */
export const DERIVED: ReadonlySet<string> = new Set(['metric_columns', 'stale_runs']);

/**
 * What of a table the other database has too. A table that only one of them has must be one that it works
 * out by itself.
 */
export function shared({ name, columns }: Table, others: ReadonlySet<string>): Table | undefined {
  if (DERIVED.has(name)) return undefined;
  const both = columns.filter((column) => others.has(column));
  if (both.length === 0) throw new Error(`Internal error: the other database has no table ${name}`);
  return { name, columns: both };
}
