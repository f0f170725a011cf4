import { ProjectHome } from '../compose-home.ts';
import type { Sql } from '../db/sql.ts';
import { findProject } from '../recipe/address.ts';
import type { Change } from '../tracking/mlflow/audit.ts';
import { openDatabase } from '../tracking/open-database.ts';
import type { Context, Parsed } from './context.ts';
import { databaseOf } from './database-of.ts';
import { refusing } from './refusing.ts';

/**
 * Runs `work` in one transaction of the server's database: whoever can open that is its administrator.
 *
 * @throws RecipeError ACCESS_REFUSED with what is wrong with the request
 */
export async function withAccess<T>(
  parsed: Parsed,
  context: Context,
  work: (sql: Sql, change: Change) => Promise<T>,
): Promise<T> {
  await using project = new ProjectHome(findProject(context.cwd) ?? context.cwd, context);
  // It makes the folder.
  void project.store;
  await using database = await openDatabase(project.home, databaseOf(parsed, context, 'server'));
  const change = { actor: project.user, at: context.world.clock.now() };
  return await refusing(() => database.write((sql) => work(sql, change)));
}
