import type { Sql } from '../../db/sql.ts';

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
