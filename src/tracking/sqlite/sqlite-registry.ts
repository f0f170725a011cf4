import type { DatabaseSync } from 'node:sqlite';
import { failpoint } from '../../core/failpoint.ts';
import type { Digest } from '../../core/ids.ts';
import { immediate } from '../../db/sqlite.ts';
import type { RegisteredVersion, RegisterRequest, Registry } from '../../engine/ports.ts';

type Row = Readonly<Record<string, unknown>>;

/** Registered models in SQLite. A change and its audit row are one transaction. */
export class SqliteRegistry implements Registry {
  readonly #db: DatabaseSync;
  readonly #now: () => number;
  readonly #actor: string;
  /** Called before a version's row is written: its blobs must outlive it. */
  readonly #pin: (name: string, digest: Digest) => void;

  constructor(
    db: DatabaseSync,
    options: { now: () => number; actor: string; pin: (name: string, digest: Digest) => void },
  ) {
    this.#db = db;
    this.#now = options.now;
    this.#actor = options.actor;
    this.#pin = options.pin;
  }

  async find(
    name: string,
    at: { alias: string } | { version: string },
  ): Promise<RegisteredVersion | undefined> {
    const row =
      'alias' in at
        ? this.#db
            .prepare(
              'SELECT v.* FROM model_versions v JOIN registered_model_aliases a USING (name, version) WHERE v.name = ? AND a.alias = ?',
            )
            .get(name, at.alias)
        : this.#db
            .prepare('SELECT * FROM model_versions WHERE name = ? AND version = ?')
            .get(name, Number(at.version));
    return row === undefined ? undefined : this.#version(row);
  }

  async register(request: RegisterRequest): Promise<{ version: RegisteredVersion; created: boolean }> {
    const { name, modelDigest, modelSize, runId, description, tags } = request;
    this.#pin(name, modelDigest);
    failpoint('registry.before-register');
    const created = immediate(this.#db, () => {
      const now = this.#now();
      this.#db
        .prepare(
          'INSERT INTO registered_models (name, creation_time, last_updated_time) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
        )
        .run(name, now, now);
      if (
        this.#db
          .prepare('SELECT 1 FROM model_versions WHERE name = ? AND model_digest = ?')
          .get(name, modelDigest) !== undefined
      )
        return false;
      const version = Number(
        this.#db
          .prepare(
            'UPDATE registered_models SET next_version = next_version + 1, last_updated_time = ? WHERE name = ? RETURNING next_version - 1 AS version',
          )
          .get(now, name)?.['version'],
      );
      this.#db
        .prepare('INSERT INTO model_versions VALUES (?, ?, ?, ?, ?, ?, ?)')
        .run(name, version, modelDigest, modelSize, runId ?? null, description ?? null, now);
      const insert = this.#db.prepare('INSERT INTO model_version_tags VALUES (?, ?, ?, ?)');
      for (const [key, value] of Object.entries(tags)) insert.run(name, version, key, value);
      this.#audit('register', name, null, String(version));
      failpoint('registry.before-commit');
      return true;
    });
    failpoint('registry.after-register');
    const row = this.#db
      .prepare('SELECT * FROM model_versions WHERE name = ? AND model_digest = ?')
      .get(name, modelDigest);
    if (row === undefined) throw new Error(`Internal error: ${name} lost a version`);
    return { version: this.#version(row), created };
  }

  async moveAlias({
    name,
    alias,
    version,
    expected,
  }: Parameters<Registry['moveAlias']>[0]): Promise<{ moved: boolean; version: string | undefined }> {
    return immediate(this.#db, () => {
      const row = this.#db
        .prepare('SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?')
        .get(name, alias);
      const before = row === undefined ? undefined : String(row['version']);
      if (before !== expected) return { moved: false, version: before };
      this.#db
        .prepare('INSERT OR REPLACE INTO registered_model_aliases VALUES (?, ?, ?)')
        .run(name, alias, Number(version));
      this.#audit(`alias ${alias}`, name, before ?? null, version);
      return { moved: true, version };
    });
  }

  /** All registered models with their versions, by name. */
  list(): { name: string; versions: RegisteredVersion[] }[] {
    const names = this.#db.prepare('SELECT name FROM registered_models ORDER BY name').all();
    return names.map((row) => ({ name: String(row['name']), versions: this.versions(String(row['name'])) }));
  }

  /** Newest first. */
  versions(name: string): RegisteredVersion[] {
    return this.#db
      .prepare('SELECT * FROM model_versions WHERE name = ? ORDER BY version DESC')
      .all(name)
      .map((row) => this.#version(row));
  }

  /** What was done to a model, oldest first. */
  history(
    name: string,
  ): { at: number; actor: string; action: string; before: string | null; after: string | null }[] {
    return this.#db
      .prepare('SELECT at, actor, action, before, after FROM audit WHERE name = ? ORDER BY id')
      .all(name) as never;
  }

  #audit(action: string, name: string, before: string | null, after: string | null): void {
    this.#db
      .prepare('INSERT INTO audit (at, actor, action, name, before, after) VALUES (?, ?, ?, ?, ?, ?)')
      .run(this.#now(), this.#actor, action, name, before, after);
  }

  #version(row: Row): RegisteredVersion {
    const [name, version] = [String(row['name']), Number(row['version'])];
    const tags = this.#db
      .prepare('SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?')
      .all(name, version);
    const aliases = this.#db
      .prepare('SELECT alias FROM registered_model_aliases WHERE name = ? AND version = ? ORDER BY alias')
      .all(name, version);
    return {
      name,
      version: String(version),
      modelDigest: row['model_digest'] as Digest,
      ...(row['run_id'] === null ? {} : { runId: String(row['run_id']) }),
      tags: Object.fromEntries(tags.map((tag) => [String(tag['key']), String(tag['value'])])),
      aliases: aliases.map((alias) => String(alias['alias'])),
      createdAt: Number(row['creation_time']),
    };
  }
}
