import { Project } from '../compose.ts';
import { RecipeError } from '../core/recipe-error.ts';
import type { Sql } from '../db/sql.ts';
import { findProject } from '../recipe/address.ts';
import type { Change } from '../tracking/mlflow/audit.ts';
import { MlflowError } from '../tracking/mlflow/mlflow-error.ts';
import { openDatabase } from '../tracking/open-database.ts';
import type { Context, Parsed } from './context.ts';
import { databaseOf } from './database-of.ts';

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
  await using project = Project.open(findProject(context.cwd) ?? context.cwd, context);
  // It makes the folder.
  void project.store;
  await using database = await openDatabase(project.home, databaseOf(parsed, context, 'server'));
  const change = { actor: project.user ?? 'unknown', at: context.world.clock.now() };
  try {
    return await database.write((sql) => work(sql, change));
  } catch (cause) {
    if (cause instanceof MlflowError)
      throw new RecipeError('ACCESS_REFUSED', { problem: cause.message }, { cause });
    throw cause;
  }
}
