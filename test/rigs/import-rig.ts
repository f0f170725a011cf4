import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ProjectHome, type Surroundings } from '../../src/compose-home.ts';
import { type ComposedServer, composeServer } from '../../src/compose-server.ts';
import { systemWorld } from '../../src/core/system-world.ts';
import type { Database, Row } from '../../src/db/sql.ts';
import { openSqlite } from '../../src/db/sqlite.ts';
import { DERIVED, tablesOf } from '../../src/tracking/backup/tables.ts';
import type { ImportReport } from '../../src/tracking/import/import-mlflow.ts';
import { openDatabase } from '../../src/tracking/open-database.ts';
import { TRACKING_MIGRATIONS } from '../../src/tracking/sqlite/schema.ts';
import { inProcess } from './in-process.ts';
import { HOST } from './server-rig.ts';

/** A project beside an MLflow server's files: imports by the real command, and reads by the real server. */
export class ImportRig implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  readonly #database: string | undefined;
  readonly #ends = new AsyncDisposableStack();
  #served: Promise<ComposedServer> | undefined;

  /** @param database where to, instead of the project's own */
  constructor(database?: string) {
    this.#database = database;
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.dir, path)), { recursive: true });
    writeFileSync(join(this.dir, path), text);
  }

  /** Makes an SQLite file, or goes on in it. */
  sqlite(path: string, ...statements: string[]): string {
    const db = new DatabaseSync(join(this.dir, path));
    db.exec(`BEGIN; ${statements.join(';')}; COMMIT`);
    db.close();
    return join(this.dir, path);
  }

  get target(): readonly string[] {
    return this.#database === undefined ? [] : ['--database', this.#database];
  }

  /** A command about this database; what it prints, or why not. */
  async command(...args: string[]): Promise<{ exit: number | undefined; answer: Record<string, unknown> }> {
    const { exit, out, err } = await inProcess(this.dir, ...args, '--json', ...this.target);
    return { exit, answer: JSON.parse(out === '' ? err : out) as Record<string, unknown> };
  }

  async import(
    source: string,
    ...args: string[]
  ): Promise<{ exit: number | undefined; report: ImportReport }> {
    const { exit, out, err } = await inProcess(
      this.dir,
      'server',
      'import',
      source,
      '--json',
      ...this.target,
      ...args,
    );
    if (out === '') throw new Error(err);
    return { exit, report: JSON.parse(out) as ImportReport };
  }

  /** All rows of all tables but of the one that says whose files they are. */
  async dump(): Promise<Record<string, Row[]>> {
    await using database = await this.#open();
    return await database.read(async (sql) => {
      const tables: Record<string, Row[]> = {};
      for (const { name, columns } of TABLES) {
        // How SQLite lays out the latest metrics says nothing about what is there.
        if (DERIVED.has(name)) continue;
        const kept = columns.filter((column) => column !== 'run_seq');
        tables[name] = await sql.all(
          `SELECT ${kept.join(', ')} FROM ${name} ORDER BY ${kept.map((_, index) => index + 1).join(', ')}`,
        );
      }
      return tables;
    });
  }

  async run(text: string): Promise<void> {
    await using database = await this.#open();
    await database.write((sql) => sql.run(text));
  }

  async get(path: string): Promise<unknown> {
    return this.#ask('GET', `/api/2.0/mlflow/${path}`);
  }

  async post(path: string, body: object, version: '2.0' | '3.0' = '2.0'): Promise<unknown> {
    return this.#ask('POST', `/api/${version}/mlflow/${path}`, body);
  }

  async delete(path: string, body: object): Promise<unknown> {
    return this.#ask('DELETE', `/api/2.0/mlflow/${path}`, body);
  }

  /** The text of a file among the artifacts. */
  async file(path: string): Promise<unknown> {
    return this.#ask('GET', `/api/2.0/mlflow-artifacts/artifacts/${path}`);
  }

  async #open(): Promise<Database> {
    const home = join(this.dir, '.stockpot');
    mkdirSync(home, { recursive: true });
    return openDatabase(home, this.#database);
  }

  async #ask(method: 'GET' | 'POST' | 'DELETE', url: string, body?: object): Promise<unknown> {
    this.#served ??= this.#serve();
    const { app } = await this.#served;
    const answer = await app.inject({
      method,
      url,
      headers: { ...HOST, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
    return url.includes('/mlflow-artifacts/') ? answer.body : JSON.parse(answer.body);
  }

  async #serve(): Promise<ComposedServer> {
    const env = { HOME: this.dir };
    const surroundings: Surroundings = {
      world: systemWorld(env),
      pid: process.pid,
      version: '0.0.0',
      packageDir: join(import.meta.dirname, '../..'),
      node: process.execPath,
    };
    const project = new ProjectHome(this.dir, surroundings);
    this.#ends.use(project);
    const server = await composeServer(project, surroundings, {
      hosts: ['localhost'],
      auth: 'off',
      publicUrl: undefined,
      proxy: undefined,
      provider: undefined,
      newUsers: 'member',
      artifactsFolder: undefined,
      servesArtifacts: true,
      artifactRoot: 'mlflow-artifacts:',
      database: this.#database,
      webhookHosts: [],
      log: undefined,
      onGivenUp: () => undefined,
      onBug: (error) => {
        throw error;
      },
    });
    this.#ends.use(server);
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ends.disposeAsync();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const schema = openSqlite({ path: ':memory:', migrations: TRACKING_MIGRATIONS, durability: 'normal' });
const TABLES = tablesOf(schema).filter(({ name }) => name !== 'server_settings');
schema.close();
