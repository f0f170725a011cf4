import { existsSync } from 'node:fs';
import { SqliteDatabase } from '../db/sqlite-database.ts';
import type { Recording } from '../engine/recorder-port.ts';
import { shardPath } from '../store/layout.ts';
import { TRACKING_MIGRATIONS } from '../tracking/sqlite/schema.ts';
import { readRecording } from './read-recording.ts';
import { recorderDatabase, recorderFiles } from './recorder-folder.ts';

/** What a recorder left in its folder when its process died; undefined if it had not begun. */
export async function readLeftRecording(
  dir: string,
  subject: { readonly run: string; readonly name: string; readonly experiment: string },
): Promise<Recording | undefined> {
  const path = recorderDatabase(dir);
  if (!existsSync(path)) return undefined;
  await using database = SqliteDatabase.open({
    path,
    migrations: TRACKING_MIGRATIONS,
    durability: 'normal',
  });
  const { cas } = recorderFiles(dir);
  return await database.read(async (sql) => {
    const begun = (await sql.all('SELECT run_uuid AS id FROM runs')).map(({ id }) => String(id));
    if (!begun.includes(subject.run)) return undefined;
    return readRecording(sql, {
      ...subject,
      // The order in which they were made is not known any more; any name that stays the same will do.
      numbers: new Map(begun.filter((id) => id !== subject.run).map((id) => [id, id])),
      pathOf: (digest) => shardPath(cas, digest),
    });
  });
}
