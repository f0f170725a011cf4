import type { Row, Sql } from '../../db/sql.ts';
import type { RegistryChange } from '../../engine/registry-port.ts';
import { modelExists } from './require-model.ts';

/**
 * What was done to the model of a name, oldest first, under each name that it had. A name may have been another
 * model's: then it begins with how it came free, and tells no more of that one. Of a name that no model has
 * it is the history of the last that had it.
 */
export async function changesOf(sql: Sql, name: string): Promise<RegistryChange[]> {
  if (await modelExists(sql, name)) return (await rowsUpTo(sql, name, Number.MAX_SAFE_INTEGER)).map(changeOf);
  const end = await newOwner(sql, name, Number.MAX_SAFE_INTEGER);
  return end === undefined ? [] : [...(await rowsUpTo(sql, name, Number(end['id']))), end].map(changeOf);
}

/** Of the model that had the name before the row `until`. */
async function rowsUpTo(sql: Sql, name: string, until: number): Promise<Row[]> {
  const start = await newOwner(sql, name, until);
  const from = Number(start?.['id'] ?? 0);
  const rows = await sql.all(
    'SELECT * FROM audit WHERE name IN (?, ?) AND id > ? AND id < ? ORDER BY id',
    name,
    // Of grants.
    `model:${name}`,
    from,
    until,
  );
  if (start === undefined) return rows;
  const cameFrom =
    start['action'] === 'rename' && start['name'] === name ? String(start['before']) : undefined;
  const earlier = cameFrom === undefined ? [] : await rowsUpTo(sql, cameFrom, from);
  return [...earlier, start, ...rows];
}

/** The last change before the row `until` by which a name became another model's, or nobody's. */
async function newOwner(sql: Sql, name: string, until: number): Promise<Row | undefined> {
  return sql.get(
    `SELECT * FROM audit WHERE id = (SELECT max(id) FROM (
       SELECT max(id) AS id FROM audit WHERE name = ? AND action IN ('delete', 'rename') AND id < ?
       UNION ALL SELECT max(id) FROM audit WHERE before = ? AND action = 'rename' AND id < ?) AS ends)`,
    name,
    until,
    name,
    until,
  );
}

function changeOf(row: Row): RegistryChange {
  return {
    at: Number(row['at']),
    actor: String(row['actor']),
    ...(row['asked_for'] === null ? {} : { for: String(row['asked_for']) }),
    action: String(row['action']),
    before: row['before'] === null ? null : String(row['before']),
    after: row['after'] === null ? null : String(row['after']),
  };
}
