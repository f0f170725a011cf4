import type { Dialect } from '../db/sql.ts';

/**
 * When `Default` was made, which every database begins with: now, where it is new. One that is not new was made by
 * the time of the first thing that it knows of. A numbered step of both databases' schemas, which is never edited.
 */
export function timeOfDefault(dialect: Dialect): string {
  const now =
    dialect === 'sqlite'
      ? `CAST(unixepoch('subsec') * 1000 AS INTEGER)`
      : 'CAST(floor(extract(epoch FROM now()) * 1000) AS bigint)';
  return `UPDATE experiments SET creation_time = coalesce((SELECT min(at) FROM (
       SELECT creation_time AS at FROM experiments UNION ALL SELECT last_update_time FROM experiments
       UNION ALL SELECT start_time FROM runs WHERE experiment_id = 0) AS known WHERE at > 0), ${now})
     WHERE experiment_id = 0 AND creation_time = 0;
   UPDATE experiments SET last_update_time = creation_time WHERE experiment_id = 0 AND last_update_time = 0;`;
}
