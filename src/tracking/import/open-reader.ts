import type { Reader } from '../../db/reader.ts';
import type { SourceAddress } from './parse-source.ts';

/**
 * Opens a database to read it. Throws what SQLite says of a file that it cannot open.
 *
 * @throws RecipeError DATABASE_UNREACHABLE
 */
export async function openReader(address: SourceAddress): Promise<Reader> {
  if (address.kind === 'path') {
    const { SqliteReader } = await import('../../db/sqlite-reader.ts');
    return SqliteReader.open(address.path);
  }
  const { PostgresReader } = await import('../../db/postgres-reader.ts');
  const { unreachable } = await import('../../db/postgres-connections.ts');
  try {
    return await PostgresReader.open(address.url);
  } catch (cause) {
    throw unreachable(address.url, cause);
  }
}
