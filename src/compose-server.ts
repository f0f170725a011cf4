import { randomInt, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Project, Surroundings } from './compose.ts';
import type { Database } from './db/sql.ts';
import { Artifacts } from './server/artifacts.ts';
import { createServer } from './server/create-server.ts';
import { TRACKING_MIGRATIONS } from './tracking/sqlite/schema.ts';

export interface ServeRequest {
  /** Names that the server is called by, without port. */
  readonly hosts: readonly string[];
  /** `postgres://…` instead of the home's own. */
  readonly database: string | undefined;
  /** What a request met that is a bug. */
  readonly onBug: (error: Error, request: string) => void;
}

/** MLflow's API over what is tracked in a project, ready to listen. */
export async function composeServer(
  project: Project,
  { world, version }: Surroundings,
  { hosts, database: url, onBug }: ServeRequest,
): Promise<AsyncDisposable & { readonly app: FastifyInstance }> {
  const { home, store } = project;
  const now = (): number => world.clock.now();
  const database = await openDatabase(home, url);
  const app = createServer({
    served: {
      database,
      artifacts: new Artifacts({ database, store, home, now }),
      root: 'mlflow-artifacts:',
      now,
      newId: () => randomUUID().replaceAll('-', ''),
      random: () => randomInt(2 ** 32) / 2 ** 32,
    },
    authenticate: async () => ({ kind: 'local', name: project.user ?? 'unknown' }),
    allowedHosts: hosts,
    version,
    onBug,
  });
  return {
    app,
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** The tracking database of a home, or the one at an address. */
async function openDatabase(home: string, url: string | undefined): Promise<Database> {
  if (url === undefined) {
    const { SqliteDatabase } = await import('./db/sqlite-database.ts');
    const path = join(home, 'tracking.db');
    return SqliteDatabase.open({ path, migrations: TRACKING_MIGRATIONS, durability: 'full' });
  }
  const { PostgresDatabase } = await import('./db/postgres-database.ts');
  const { POSTGRES_TRACKING_MIGRATIONS } = await import('./tracking/postgres/schema.ts');
  return PostgresDatabase.open({ url, schema: 'tracking', migrations: POSTGRES_TRACKING_MIGRATIONS });
}
