import { failpoint } from '../core/failpoint.ts';
import type { Digest } from '../core/ids.ts';
import { RecipeError } from '../core/recipe-error.ts';
import type { Database, Row, Sql } from '../db/sql.ts';
import type {
  AliasMove,
  AliasMoved,
  RegisteredVersion,
  RegisterOutcome,
  RegisterRequest,
  Registry,
  RegistryChange,
} from '../engine/registry-port.ts';
import { REPRODUCTION_TAG } from '../engine/reproduction.ts';
import { checkAlias, checkModelName } from './limits.ts';
import type { Change } from './mlflow/audit.ts';
import { changesOf } from './mlflow/history.ts';
import { MlflowError } from './mlflow/mlflow-error.ts';
import {
  aliasedVersion,
  createVersion,
  describeVersion,
  setVersionTag,
  versionsOf,
} from './mlflow/model-versions.ts';
import { PROMPT_TAG } from './mlflow/prompt.ts';
import { addModel } from './mlflow/registered-models.ts';
import { lockIfThere } from './mlflow/require-model.ts';
import { moveOrAsk } from './protection/promotions.ts';
import type { VersionBlob, VersionPins } from './version-pins.ts';

export interface SqlRegistryOptions {
  readonly now: () => number;
  readonly actor: string;
  /** Pins blobs, which must outlive the row of their version. */
  readonly pins: Pick<VersionPins, 'keep'>;
}

/** Registered models in a database, in the tables that the server reads. A change and its audit row are one transaction. */
export class SqlRegistry implements Registry {
  readonly #database: Database;
  readonly #options: SqlRegistryOptions;

  constructor(database: Database, options: SqlRegistryOptions) {
    this.#database = database;
    this.#options = options;
  }

  async find(
    name: string,
    at: { alias: string } | { version: string },
  ): Promise<RegisteredVersion | undefined> {
    return this.#database.read(async (sql) => {
      const number = 'version' in at ? at.version : await aliasedVersion(sql, name, at.alias);
      return number === undefined ? undefined : numbered(sql, name, number);
    });
  }

  async findByDigest(name: string, modelDigest: Digest): Promise<RegisteredVersion | undefined> {
    return this.#database.read((sql) => byDigest(sql, name, modelDigest));
  }

  async register(request: RegisterRequest): Promise<RegisterOutcome> {
    const { name, modelDigest } = request;
    checkModelName(name);
    const { pins } = this.#options;
    await pins.keep({ kind: 'model', digest: modelDigest });
    const reproduced = await this.#reproduced(request);
    failpoint('registry.before-register');
    const outcome = await this.#database.write(async (sql) => {
      const change = this.#change;
      await addModel(sql, { name, description: undefined, tags: [] }, change);
      // Who registers the same model meanwhile comes after, and finds it.
      await lockIfThere(sql, name);
      const known = await byDigest(sql, name, modelDigest);
      // The first reproduction stays: another that gives the same model is no better.
      const tags = { ...request.tags, ...(known?.tags[REPRODUCTION_TAG] === undefined ? reproduced : {}) };
      if (known === undefined) await create(sql, { ...request, tags }, change);
      const changed = known !== undefined && (await update(sql, known, { ...request, tags }, change));
      const version = await byDigest(sql, name, modelDigest);
      if (version === undefined) throw new Error(`Internal error: ${name} lost a version`);
      failpoint('registry.before-commit');
      return { version, created: known === undefined, changed };
    });
    failpoint('registry.after-register');
    for (const blob of blobsOf(modelDigest, outcome.version)) await pins.keep(blob);
    return outcome;
  }

  async setTags(name: string, version: string, tags: Readonly<Record<string, string>>): Promise<boolean> {
    return this.#database.write(async (sql) => {
      await lockIfThere(sql, name);
      const known = await numbered(sql, name, version);
      return known !== undefined && update(sql, known, { tags }, this.#change);
    });
  }

  async moveAlias({ name, alias, version, expected }: AliasMove): Promise<AliasMoved> {
    checkAlias(alias);
    const outcome = await this.#database
      .write(async (sql) => {
        await lockIfThere(sql, name);
        const before = await aliasedVersion(sql, name, alias);
        if (before !== expected) return { kind: 'other', version: before } as const;
        if ((await numbered(sql, name, version)) === undefined)
          throw new RecipeError('MODEL_NOT_FOUND', { model: `${name}/${version}`, nearest: undefined });
        const moved = await moveOrAsk(sql, { name, alias, version, expected }, this.#change);
        failpoint('alias.before-commit');
        return moved;
      })
      .catch((cause: unknown) => {
        if (!(cause instanceof MlflowError)) throw cause;
        throw new RecipeError(
          'PROMOTION_REFUSED',
          { model: name, version, problem: cause.message },
          { cause },
        );
      });
    failpoint('alias.after-commit');
    switch (outcome.kind) {
      case 'moved':
        return { moved: true, version };
      case 'other':
        return { moved: false, version: outcome.version };
      case 'pending':
        return { moved: false, version: expected, pending: outcome.promotion.id };
    }
  }

  async list(): Promise<{ name: string; versions: readonly RegisteredVersion[] }[]> {
    return this.#database.read(async (sql) => {
      const names = await sql.all(
        `SELECT name FROM registered_models m WHERE NOT EXISTS (
           SELECT 1 FROM registered_model_tags t WHERE t.name = m.name AND t.key = ? AND lower(t.value) = 'true'
         ) ORDER BY name`,
        PROMPT_TAG,
      );
      const rows = await sql.all(
        'SELECT * FROM model_versions WHERE deleted = 0 ORDER BY name, version DESC',
      );
      const versions = Map.groupBy(await registered(sql, rows), ({ name }) => name);
      return names.map((row) => {
        const name = String(row['name']);
        return { name, versions: versions.get(name) ?? [] };
      });
    });
  }

  async versions(name: string): Promise<RegisteredVersion[]> {
    return this.#database.read(async (sql) =>
      registered(
        sql,
        await sql.all(
          'SELECT * FROM model_versions WHERE name = ? AND deleted = 0 ORDER BY version DESC',
          name,
        ),
      ),
    );
  }

  async changes(name: string): Promise<RegistryChange[]> {
    return this.#database.read((sql) => changesOf(sql, name));
  }

  /** The tag of a version that has no reproduction yet, of one that is pinned. */
  async #reproduced({
    name,
    modelDigest,
    reproduction,
  }: RegisterRequest): Promise<Readonly<Record<string, string>>> {
    if (reproduction === undefined) return {};
    if ((await this.findByDigest(name, modelDigest))?.tags[REPRODUCTION_TAG] !== undefined) return {};
    const kept = await reproduction();
    if (kept === undefined) return {};
    await this.#options.pins.keep({ kind: 'reproduction', digest: kept.digest });
    return { [REPRODUCTION_TAG]: kept.digest };
  }

  get #change(): Change {
    return { actor: this.#options.actor, at: this.#options.now() };
  }
}

function blobsOf(modelDigest: Digest, { tags }: RegisteredVersion): VersionBlob[] {
  const reproduction = tags[REPRODUCTION_TAG];
  return [
    { kind: 'model', digest: modelDigest },
    ...(reproduction === undefined
      ? []
      : [{ kind: 'reproduction', digest: reproduction as Digest } as const]),
  ];
}

async function create(
  sql: Sql,
  { name, modelDigest, modelSize, runId, description, tags }: RegisterRequest,
  change: Change,
): Promise<void> {
  await createVersion(
    sql,
    {
      name,
      source: `mlflow-artifacts:/models/${modelDigest}`,
      runId,
      runLink: undefined,
      description,
      tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
      digest: modelDigest,
      size: modelSize,
    },
    change,
  );
}

/** Brings tags and description to what is asked; gives whether one of them was another. */
async function update(
  sql: Sql,
  { name, version, ...known }: RegisteredVersion,
  { tags, description }: Pick<RegisterRequest, 'tags' | 'description'>,
  change: Change,
): Promise<boolean> {
  const others = Object.entries(tags).filter(([key, value]) => known.tags[key] !== value);
  for (const [key, value] of others) await setVersionTag(sql, name, version, { key, value }, change);
  const isDescribed = description === undefined || description === known.description;
  if (!isDescribed) await describeVersion(sql, name, version, description, change);
  return others.length > 0 || !isDescribed;
}

async function numbered(sql: Sql, name: string, version: string): Promise<RegisteredVersion | undefined> {
  if (!/^\d{1,15}$/.test(version)) return undefined;
  const rows = await sql.all(
    'SELECT * FROM model_versions WHERE name = ? AND version = ? AND deleted = 0',
    name,
    Number(version),
  );
  return (await registered(sql, rows))[0];
}

async function byDigest(sql: Sql, name: string, digest: Digest): Promise<RegisteredVersion | undefined> {
  const rows = await sql.all(
    'SELECT * FROM models_by_digest WHERE name = ? AND model_digest = ? ORDER BY version DESC LIMIT 1',
    name,
    digest,
  );
  return (await registered(sql, rows))[0];
}

/** Rows of `model_versions`, as recipes read them. */
async function registered(sql: Sql, rows: readonly Row[]): Promise<RegisteredVersion[]> {
  if (rows.length === 0) return [];
  const messages = await versionsOf(sql, rows);
  return messages.map((message, index) => ({
    name: message.name,
    version: message.version,
    ...ofDigest((rows[index]?.['model_digest'] ?? undefined) as Digest | undefined),
    ...(message.run_id === '' ? {} : { runId: message.run_id }),
    ...(message.description === '' ? {} : { description: message.description }),
    tags: Object.fromEntries(message.tags.map(({ key, value }) => [key, value])),
    aliases: message.aliases,
    createdAt: message.creation_timestamp,
  }));
}

function ofDigest(modelDigest: Digest | undefined): Pick<RegisteredVersion, 'modelDigest'> {
  return modelDigest === undefined ? {} : { modelDigest };
}
