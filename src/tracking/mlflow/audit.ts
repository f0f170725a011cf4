import type { Sql } from '../../db/sql.ts';
import type { RegistryChange } from '../../engine/registry-port.ts';

/** Who changes the registry, and when (milliseconds since the Unix epoch). */
export interface Change {
  readonly actor: string;
  readonly at: number;
}

/** Written in the transaction of the change that it tells of. */
export async function audit(
  sql: Sql,
  { actor, at }: Change,
  entry: { action: string; name: string; before: string | null; after: string | null },
): Promise<void> {
  await sql.run(
    'INSERT INTO audit (at, actor, action, name, before, after) VALUES (?, ?, ?, ?, ?, ?)',
    at,
    actor,
    entry.action,
    entry.name,
    entry.before,
    entry.after,
  );
}

/** What was done to a model, oldest first. */
export async function changesOf(sql: Sql, name: string): Promise<RegistryChange[]> {
  const rows = await sql.all(
    'SELECT at, actor, action, before, after FROM audit WHERE name = ? ORDER BY id',
    name,
  );
  return rows.map((row) => ({
    at: Number(row['at']),
    actor: String(row['actor']),
    action: String(row['action']),
    before: row['before'] === null ? null : String(row['before']),
    after: row['after'] === null ? null : String(row['after']),
  }));
}
