import type { Sql } from '../db/sql.ts';
import type { FileInfo } from './client-files.ts';
import { endOf, type Stored } from './uploaded-files.ts';

/** Rows that are read at once. */
const PAGE = 500;

/**
 * What lies directly below a prefix that ends in `/`, or is empty. However many files a folder there has, a
 * page of them is read at most.
 */
export async function listUploaded(sql: Sql, prefix: string): Promise<FileInfo[]> {
  const found: FileInfo[] = [];
  const end = prefix === '' ? [] : [endOf(prefix)];
  const text = `SELECT path, size FROM files WHERE path >= ?${prefix === '' ? '' : ' AND path < ?'} ORDER BY path LIMIT ${PAGE}`;
  let from = prefix;
  for (;;) {
    const rows = await sql.all(text, from, ...end);
    let folder: string | undefined;
    for (const { path, size } of rows as unknown as Pick<Stored, 'path' | 'size'>[]) {
      if (folder !== undefined && path.startsWith(folder)) continue;
      const [name = '', ...below] = path.slice(prefix.length).split('/');
      if (below.length > 0) {
        folder = `${prefix}${name}/`;
        from = endOf(folder);
        found.push({ path: name, is_dir: true });
      } else {
        // No path has a control character: nothing lies between the two.
        from = `${path}\u0001`;
        found.push({ path: name, is_dir: false, file_size: size });
      }
    }
    if (rows.length < PAGE) return found;
  }
}
