import type { DatabaseSync } from 'node:sqlite';
import { failpoint } from '../../core/failpoint.ts';
import type { Digest } from '../../core/ids.ts';
import { RecipeError } from '../../core/recipe-error.ts';
import { immediate } from '../../db/sqlite.ts';
import type {
  AliasMove,
  RegisteredVersion,
  RegisterOutcome,
  RegisterRequest,
  Registry,
  RegistryChange,
} from '../../engine/registry-port.ts';
import { checkAlias, checkModelName } from '../limits.ts';

type Row = Readonly<Record<string, unknown>>;

/** Registered models in SQLite. A change and its audit row are one transaction. */
export class SqliteRegistry implements Registry {
  readonly #db: DatabaseSync;
  readonly #now: () => number;
  readonly #actor: string;
  /** Called before a version's row is written: its blobs must outlive it. */
  readonly #pin: (name: string, digest: Digest) => Promise<void>;

  constructor(
    db: DatabaseSync,
    options: { now: () => number; actor: string; pin: (name: string, digest: Digest) => Promise<void> },
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
              'SELECT v.* FROM models_by_digest v JOIN registered_model_aliases a USING (name, version) WHERE v.name = ? AND a.alias = ?',
            )
            .get(name, at.alias)
        : this.#db
            .prepare('SELECT * FROM models_by_digest WHERE name = ? AND version = ?')
            .get(name, Number(at.version));
    return row === undefined ? undefined : this.#version(row);
  }

  async findByDigest(name: string, modelDigest: Digest): Promise<RegisteredVersion | undefined> {
    const row = this.#db
      .prepare(
        'SELECT * FROM models_by_digest WHERE name = ? AND model_digest = ? ORDER BY version DESC LIMIT 1',
      )
      .get(name, modelDigest);
    return row === undefined ? undefined : this.#version(row);
  }

  async register(request: RegisterRequest): Promise<RegisterOutcome> {
    const { name, modelDigest } = request;
    checkModelName(name);
    await this.#pin(name, modelDigest);
    failpoint('registry.before-register');
    const outcome = immediate(this.#db, () => {
      const row = this.#db
        .prepare(
          'SELECT version FROM models_by_digest WHERE name = ? AND model_digest = ? ORDER BY version DESC LIMIT 1',
        )
        .get(name, modelDigest);
      const created = row === undefined;
      const changed = created ? this.#insert(request) : this.#update(String(row['version']), request);
      failpoint('registry.before-commit');
      return { created, changed: changed && !created };
    });
    failpoint('registry.after-register');
    const version = await this.findByDigest(name, modelDigest);
    if (version === undefined) throw new Error(`Internal error: ${name} lost a version`);
    return { version, ...outcome };
  }

  async setTags(name: string, version: string, tags: Readonly<Record<string, string>>): Promise<boolean> {
    return immediate(this.#db, () => this.#setTags(name, version, tags));
  }

  async moveAlias({
    name,
    alias,
    version,
    expected,
  }: AliasMove): Promise<{ moved: boolean; version: string | undefined }> {
    checkAlias(alias);
    const outcome = immediate(this.#db, () => {
      const row = this.#db
        .prepare('SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?')
        .get(name, alias);
      const before = row === undefined ? undefined : String(row['version']);
      if (before !== expected) return { moved: false, version: before };
      const exists = this.#db
        .prepare('SELECT 1 FROM models_by_digest WHERE name = ? AND version = ?')
        .get(name, Number(version));
      if (exists === undefined)
        throw new RecipeError('MODEL_NOT_FOUND', { model: `${name}/${version}`, nearest: undefined });
      this.#db
        .prepare('INSERT OR REPLACE INTO registered_model_aliases VALUES (?, ?, ?)')
        .run(name, alias, Number(version));
      this.#audit(`alias ${alias}`, name, before ?? null, version);
      failpoint('alias.before-commit');
      return { moved: true, version };
    });
    failpoint('alias.after-commit');
    return outcome;
  }

  async list(): Promise<{ name: string; versions: readonly RegisteredVersion[] }[]> {
    const names = this.#db.prepare('SELECT name FROM registered_models ORDER BY name').all();
    return Promise.all(
      names.map(async (row) => ({
        name: String(row['name']),
        versions: await this.versions(String(row['name'])),
      })),
    );
  }

  async versions(name: string): Promise<RegisteredVersion[]> {
    return this.#db
      .prepare('SELECT * FROM models_by_digest WHERE name = ? ORDER BY version DESC')
      .all(name)
      .map((row) => this.#version(row));
  }

  async changes(name: string): Promise<RegistryChange[]> {
    return this.#db
      .prepare('SELECT at, actor, action, before, after FROM audit WHERE name = ? ORDER BY id')
      .all(name)
      .map((row) => ({
        at: Number(row['at']),
        actor: String(row['actor']),
        action: String(row['action']),
        before: row['before'] === null ? null : String(row['before']),
        after: row['after'] === null ? null : String(row['after']),
      }));
  }

  /** The next number, never one that was used before. */
  #insert({ name, modelDigest, modelSize, runId, description, tags }: RegisterRequest): true {
    const now = this.#now();
    this.#db
      .prepare(
        'INSERT INTO registered_models (name, creation_time, last_updated_time) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
      )
      .run(name, now, now);
    const version = Number(
      this.#db
        .prepare(
          'UPDATE registered_models SET next_version = next_version + 1, last_updated_time = ? WHERE name = ? RETURNING next_version - 1 AS version',
        )
        .get(now, name)?.['version'],
    );
    this.#db
      .prepare(
        `INSERT INTO model_versions (name, version, model_digest, model_size, run_id, description, creation_time, last_updated_time)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(name, version, modelDigest, modelSize, runId ?? null, description ?? null, now, now);
    const insert = this.#db.prepare('INSERT INTO model_version_tags VALUES (?, ?, ?, ?)');
    for (const [key, value] of Object.entries(tags)) insert.run(name, version, key, value);
    this.#audit('register', name, null, String(version));
    return true;
  }

  #update(version: string, { name, description, tags }: RegisterRequest): boolean {
    const changed = this.#setTags(name, version, tags);
    if (description === undefined) return changed;
    const row = this.#db
      .prepare('SELECT description FROM models_by_digest WHERE name = ? AND version = ?')
      .get(name, Number(version));
    const before = row?.['description'] ?? null;
    if (before === description) return changed;
    this.#db
      .prepare('UPDATE model_versions SET description = ? WHERE name = ? AND version = ?')
      .run(description, name, Number(version));
    this.#audit(`description of ${version}`, name, before === null ? null : String(before), description);
    return true;
  }

  #setTags(name: string, version: string, tags: Readonly<Record<string, string>>): boolean {
    const find = this.#db.prepare(
      'SELECT value FROM model_version_tags WHERE name = ? AND version = ? AND key = ?',
    );
    const set = this.#db.prepare('INSERT OR REPLACE INTO model_version_tags VALUES (?, ?, ?, ?)');
    let changed = false;
    for (const [key, value] of Object.entries(tags)) {
      const row = find.get(name, Number(version), key);
      if (row?.['value'] === value) continue;
      set.run(name, Number(version), key, value);
      this.#audit(`tag ${key} of ${version}`, name, row === undefined ? null : String(row['value']), value);
      changed = true;
    }
    return changed;
  }

  #audit(action: string, name: string, before: string | null, after: string | null): void {
    this.#db
      .prepare('INSERT INTO audit (at, actor, action, name, before, after) VALUES (?, ?, ?, ?, ?, ?)')
      .run(this.#now(), this.#actor, action, name, before, after);
  }

  #version(row: Row): RegisteredVersion {
    const [name, version] = [String(row['name']), Number(row['version'])];
    const tags = this.#db
      .prepare('SELECT key, value FROM model_version_tags WHERE name = ? AND version = ? ORDER BY key')
      .all(name, version);
    const aliases = this.#db
      .prepare('SELECT alias FROM registered_model_aliases WHERE name = ? AND version = ? ORDER BY alias')
      .all(name, version);
    return {
      name,
      version: String(version),
      modelDigest: row['model_digest'] as Digest,
      ...(row['run_id'] === null ? {} : { runId: String(row['run_id']) }),
      ...(row['description'] === null ? {} : { description: String(row['description']) }),
      tags: Object.fromEntries(tags.map((tag) => [String(tag['key']), String(tag['value'])])),
      aliases: aliases.map((alias) => String(alias['alias'])),
      createdAt: Number(row['creation_time']),
    };
  }
}
