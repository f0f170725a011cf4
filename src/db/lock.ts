import type { Sql } from './sql.ts';

/**
 * Goes at the end of a SELECT within a write: the row stays as it was read until the transaction ends.
 * `share`: others may hold it so too. SQLite has one writer at a time and needs none.
 */
export function lock({ dialect }: Sql, how: 'change' | 'share'): string {
  if (dialect === 'sqlite') return '';
  return how === 'share' ? ' FOR SHARE' : ' FOR NO KEY UPDATE';
}
