import type { Sql } from '../../db/sql.ts';

/** Who changes the registry, and when (milliseconds since the Unix epoch). */
export interface Change {
  readonly actor: string;
  /** For whom, if that is another. */
  readonly askedFor?: string | undefined;
  readonly at: number;
}

/** Written in the transaction of the change that it tells of. */
export async function audit(
  sql: Sql,
  { actor, askedFor, at }: Change,
  entry: { action: string; name: string; before: string | null; after: string | null },
): Promise<void> {
  await sql.run(
    'INSERT INTO audit (at, actor, asked_for, action, name, before, after) VALUES (?, ?, ?, ?, ?, ?, ?)',
    at,
    actor,
    askedFor ?? null,
    entry.action,
    entry.name,
    entry.before,
    entry.after,
  );
}
