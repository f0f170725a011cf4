import { existsSync } from 'node:fs';
import { RecipeError } from '../../core/recipe-error.ts';
import { mlflowRevision } from './mlflow-revision.ts';
import { openReader } from './open-reader.ts';
import type { SourceAddress } from './parse-source.ts';

/**
 * Refuses to work on a database that MLflow made: its server would find tables in it that it does not know.
 *
 * @throws RecipeError DATABASE_OF_MLFLOW, DATABASE_UNREACHABLE
 */
export async function refuseMlflowDatabase(address: SourceAddress): Promise<void> {
  if (address.kind === 'path' && !existsSync(address.path)) return;
  await using reader = await openReader(address);
  if ((await mlflowRevision(reader)) === undefined) return;
  if (address.kind === 'path')
    throw new RecipeError('DATABASE_OF_MLFLOW', {
      database: address.path,
      source: `sqlite:///${address.path}`,
    });
  const { placeOf } = await import('../../db/postgres-connections.ts');
  const database = placeOf(address.url);
  throw new RecipeError('DATABASE_OF_MLFLOW', { database, source: `postgresql://${database}` });
}
