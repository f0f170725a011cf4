import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Database } from '../../src/db/sql.ts';
import { SqliteDatabase } from '../../src/db/sqlite-database.ts';
import { Outbound } from '../../src/net/outbound.ts';
import { Artifacts } from '../../src/server/artifacts.ts';
import { createServer, type ServerOptions } from '../../src/server/create-server.ts';
import { FilesInFolder } from '../../src/server/files-in-folder.ts';
import { MultipartUploads } from '../../src/server/multipart-uploads.ts';
import { Store } from '../../src/store/store.ts';
import { TRACKING_MIGRATIONS } from '../../src/tracking/sqlite/schema.ts';
import { VersionPins } from '../../src/tracking/version-pins.ts';
import { watchAnswers } from './described-answers.ts';
import { layFreshTracking } from './fresh-tracking.ts';

export interface Answer {
  readonly status: number;
  // Answers are compared whole, with matchers.
  readonly body: Readonly<Record<string, unknown>>;
}

const ANN = { kind: 'local', name: 'ann' } as const;

const NOBODY: AuthenticatedBy = () => ({ authenticate: async () => ANN });

type AuthenticatedBy = (
  database: Database,
  now: () => number,
  at: { readonly dir: string; readonly store: Store },
) => Pick<ServerOptions, 'authenticate'> & Partial<ServerOptions>;

/** Where clients' files lie, and whether clients write there themselves: it is the root of all experiments. */
export interface Folder {
  readonly dir: string;
  readonly isRoot: boolean;
}

/**
 * The server in this process, on a database and a store of its own; its clock stands still. All that it answers is as
 * `GET /openapi.json` says, or its end throws.
 */
export class ServerRig implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  readonly store: Store;
  readonly app: FastifyInstance;
  readonly bugs: Error[] = [];
  now = 1000;
  readonly database: Database;
  readonly #undescribed: readonly string[];
  #ids = 0;

  private constructor(authenticatedBy: AuthenticatedBy, folder?: Folder, database?: Database) {
    const now = (): number => this.now;
    this.store = Store.open({ home: this.dir, cache: undefined, now });
    const path = join(this.dir, 'tracking.db');
    if (database === undefined) layFreshTracking(path);
    this.database =
      database ?? SqliteDatabase.open({ path, migrations: TRACKING_MIGRATIONS, durability: 'full' });
    const { store } = this;
    const root = folder?.isRoot === true ? folder.dir : 'mlflow-artifacts:';
    const artifacts = new Artifacts({
      database: this.database,
      store,
      home: this.dir,
      now,
      root,
      pins: new VersionPins({ store, home: this.dir, database: undefined }),
      folder: folder === undefined ? undefined : new FilesInFolder({ dir: folder.dir, store }),
    });
    this.app = createServer({
      served: {
        database: this.database,
        artifacts,
        uploads: new MultipartUploads({ database: this.database, artifacts, store, now }),
        root,
        outbound: new Outbound(['127.0.0.1']),
        now,
        newId: () => {
          this.#ids += 1;
          return String(this.#ids).padStart(32, '0');
        },
        random: () => 0,
      },
      ...authenticatedBy(this.database, now, this),
      allowedHosts: ['localhost', '127.0.0.1'],
      sharedCache: { store, now },
      version: '0.0.0',
      onBug: (error) => this.bugs.push(error),
    });
    this.#undescribed = watchAnswers(this.app);
  }

  /** Where nobody signs in, unless `authenticatedBy` says otherwise; on a database of its own, or on one that is closed with it. */
  static create(authenticatedBy: AuthenticatedBy = NOBODY, folder?: Folder, database?: Database): ServerRig {
    return new ServerRig(authenticatedBy, folder, database);
  }

  /** Where clients' files lie in a folder. */
  static inFolder(folder: Folder): ServerRig {
    return new ServerRig(NOBODY, folder);
  }

  async post(path: string, body: unknown): Promise<Answer> {
    return this.#json('POST', path, body);
  }

  async send(method: 'PATCH' | 'DELETE', path: string, body: unknown): Promise<Answer> {
    return this.#json(method, path, body);
  }

  async get(path: string, query: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const { statusCode, body } = await this.app.inject({
      method: 'GET',
      url: `/api/2.0/mlflow/${path}`,
      query,
      headers: HOST,
    });
    return { status: statusCode, body: JSON.parse(body) as Answer['body'] };
  }

  /** Listens on a free port of this machine. */
  async listen(): Promise<number> {
    await this.app.listen({ host: '127.0.0.1', port: 0 });
    return (this.app.server.address() as AddressInfo).port;
  }

  /** Id of a new run in the experiment `Default`. */
  async run(body: object = {}): Promise<string> {
    const answer = await this.post('runs/create', { experiment_id: '0', start_time: this.now, ...body });
    return (answer.body['run'] as { info: { run_id: string } }).info.run_id;
  }

  async #json(method: 'POST' | 'PATCH' | 'DELETE', path: string, payload: unknown): Promise<Answer> {
    const { statusCode, body } = await this.app.inject({
      method,
      url: `/api/2.0/mlflow/${path}`,
      headers: { ...HOST, 'content-type': 'application/json' },
      payload: JSON.stringify(payload),
    });
    return { status: statusCode, body: JSON.parse(body) as Answer['body'] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.close();
    await this.database[Symbol.asyncDispose]();
    this.store[Symbol.dispose]();
    rmSync(this.dir, { recursive: true });
    if (this.#undescribed.length > 0)
      throw new Error(`Answers that are not as described:\n${this.#undescribed.join('\n')}`);
  }
}

export const HOST = { host: 'localhost:5000' };

/** A call about traces, of the version that MLflow 3 uses. */
export async function v3(
  { app }: ServerRig,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  payload?: object,
): Promise<Answer> {
  const { statusCode, body } = await app.inject({
    method,
    url: `/api/3.0/mlflow/traces${path}`,
    headers: { ...HOST, ...(payload === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(payload === undefined ? {} : { payload: JSON.stringify(payload) }),
  });
  return { status: statusCode, body: JSON.parse(body) as Answer['body'] };
}
