import type { Sql } from '../../db/sql.ts';

/** For who gives up the name of a model: the next model of that name goes on with the numbers of its versions. */
export async function keepNumbers(sql: Sql, name: string): Promise<void> {
  await sql.run(
    `INSERT INTO model_numbers (name, next_version) SELECT name, next_version FROM registered_models WHERE name = ?
     ON CONFLICT (name) DO UPDATE SET next_version = excluded.next_version`,
    name,
  );
}

/**
 * For a model that has just come to its name. A statement of its own: whoever waited until the name was given
 * up sees only now which numbers that left.
 */
export async function resumeNumbers(sql: Sql, name: string): Promise<void> {
  await sql.run(
    `UPDATE registered_models SET next_version = n.next_version FROM model_numbers n
     WHERE n.name = registered_models.name AND n.next_version > registered_models.next_version AND registered_models.name = ?`,
    name,
  );
}

/** The first number that no earlier model of a name has used. */
export async function firstNumber(sql: Sql, name: string): Promise<number> {
  const row = await sql.get('SELECT next_version FROM model_numbers WHERE name = ?', name);
  return row === undefined ? 1 : Number(row['next_version']);
}
