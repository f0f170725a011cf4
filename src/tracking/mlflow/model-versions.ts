import type { Digest } from '../../core/ids.ts';
import type { Row, Sql } from '../../db/sql.ts';
import { endWishes } from '../protection/promotion.ts';
import { requireNoProtection, requireNotAliased, requireUnprotected } from '../protection/protections.ts';
import { announce, announceVersion } from '../webhooks/announce.ts';
import { audit, type Change } from './audit.ts';
import { checkAliasName, checkLength, checkText } from './check.ts';
import { inList, listOf } from './in-list.ts';
import { type ModelVersion, STAGES, type Stage, type Tag } from './messages.ts';
import { invalid, missing } from './mlflow-error.ts';
import { checkRegistryTag, lockIfThere, lockModel, requireModel } from './require-model.ts';

export interface NewVersion {
  readonly name: string;
  readonly source: string;
  readonly runId: string | undefined;
  readonly runLink: string | undefined;
  readonly description: string | undefined;
  readonly tags: readonly Tag[];
  /** Of the model's folder, if its files are here. */
  readonly digest: string | undefined;
  /** Bytes. */
  readonly size: number | undefined;
}

/** Gives the version's number: one more than the highest that there ever was. */
export async function createVersion(sql: Sql, version: NewVersion, change: Change): Promise<string> {
  const { name, source, runId, runLink, description, tags } = version;
  await lockModel(sql, name);
  checkLength('Model source', source, 2000);
  checkLength('Description', description ?? '', 5000);
  checkLength('Run id', runId ?? '', 500);
  checkLength('Run link', runLink ?? '', 500);
  for (const tag of tags) checkRegistryTag(tag);
  const row = await sql.get(
    'UPDATE registered_models SET next_version = next_version + 1, last_updated_time = ? WHERE name = ? RETURNING next_version - 1 AS version',
    change.at,
    name,
  );
  const number = Number(row?.['version']);
  await sql.run(
    `INSERT INTO model_versions (name, version, model_digest, model_size, run_id, description, creation_time, last_updated_time, user_id, source, run_link)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    name,
    number,
    version.digest ?? null,
    version.size ?? null,
    runId ?? null,
    description ?? null,
    change.at,
    change.at,
    change.actor,
    source,
    runLink ?? null,
  );
  for (const tag of tags) await writeTag(sql, name, number, tag);
  await audit(sql, change, { action: 'register', name, before: null, after: String(number) });
  await announceVersion(sql, { ...version, version: String(number) }, change.at);
  return String(number);
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export async function readVersion(sql: Sql, name: string, version: string): Promise<ModelVersion> {
  const number = /^\d{1,15}$/.test(version) ? Number(version) : undefined;
  if (number === undefined)
    throw invalid(`Parameter 'version' must be an integer, got '${version.slice(0, 40)}'.`);
  const row = await sql.get(
    'SELECT * FROM model_versions WHERE name = ? AND version = ? AND deleted = 0',
    name,
    number,
  );
  if (row === undefined) throw missing(`Model Version (name=${name}, version=${version}) not found`);
  return (await versionsOf(sql, [row]))[0] as ModelVersion;
}

/** What a version consists of. */
export interface VersionContent {
  /** Where its files were when it was registered. */
  readonly source: string;
  /** Of the copy of them that the server has, which nobody changes; undefined if it has none. */
  readonly copy: { readonly digest: Digest; readonly size: number } | undefined;
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export async function contentOfVersion(sql: Sql, name: string, version: string): Promise<VersionContent> {
  const { source } = await readVersion(sql, name, version);
  const row = await sql.get(
    'SELECT model_digest, model_size FROM model_versions WHERE name = ? AND version = ? AND model_digest IS NOT NULL',
    name,
    Number(version),
  );
  const digest = row?.['model_digest'] as Digest | undefined;
  return { source, copy: digest === undefined ? undefined : { digest, size: Number(row?.['model_size']) } };
}

/** The address of the server's copy of a model. */
export function addressOfCopy(digest: string): string {
  return `mlflow-artifacts:/models/${digest}`;
}

/** A version as it is until the transaction ends: nobody else changes its model meanwhile. */
async function versionToChange(sql: Sql, name: string, version: string): Promise<ModelVersion> {
  await lockIfThere(sql, name);
  return readVersion(sql, name, version);
}

/** Rows of `model_versions` with their tags and aliases. */
export async function versionsOf(sql: Sql, rows: readonly Row[]): Promise<ModelVersion[]> {
  const names = listOf([...new Set(rows.map((row) => String(row['name'])))]);
  const of = async (columns: string, table: string): Promise<Map<string, Row[]>> => {
    const found = await sql.all(
      `SELECT name, version, ${columns} FROM ${table} WHERE name IN ${inList(sql, 'text')} ORDER BY 3`,
      names,
    );
    return Map.groupBy(found, keyOf);
  };
  const tags = await of('key, value', 'model_version_tags');
  const aliases = await of('alias', 'registered_model_aliases');
  return rows.map((row) => ({
    name: String(row['name']),
    version: String(row['version']),
    creation_timestamp: Number(row['creation_time']),
    last_updated_timestamp: Number(row['last_updated_time']),
    user_id: String(row['user_id']),
    current_stage: row['current_stage'] as Stage,
    description: String(row['description'] ?? ''),
    source: String(row['source'] ?? addressOfCopy(String(row['model_digest']))),
    run_id: String(row['run_id'] ?? ''),
    status: row['status'] as ModelVersion['status'],
    tags: (tags.get(keyOf(row)) ?? []).map((tag) => ({
      key: String(tag['key']),
      value: String(tag['value']),
    })),
    run_link: String(row['run_link'] ?? ''),
    aliases: (aliases.get(keyOf(row)) ?? []).map((alias) => String(alias['alias'])),
  }));
}

function keyOf(row: Row): string {
  return `${String(row['version'])} ${String(row['name'])}`;
}

export async function describeVersion(
  sql: Sql,
  name: string,
  version: string,
  description: string,
  change: Change,
): Promise<void> {
  checkLength('Description', description, 5000);
  const before = await versionToChange(sql, name, version);
  await sql.run(
    'UPDATE model_versions SET description = ?, last_updated_time = ? WHERE name = ? AND version = ?',
    description,
    change.at,
    name,
    Number(version),
  );
  await audit(sql, change, {
    action: `description of ${version}`,
    name,
    before: before.description || null,
    after: description,
  });
}

/** Moves a version to a stage; `archive` moves what is in that stage to Archived. */
export async function moveStage(
  sql: Sql,
  name: string,
  version: string,
  { stage, archive }: { stage: string; archive: boolean },
  change: Change,
): Promise<void> {
  const to = canonicalStage(stage);
  if (archive && to !== 'Staging' && to !== 'Production')
    throw invalid(
      `Model version transition cannot archive existing model versions because '${to}' is not an Active stage. Valid stages are ['Staging', 'Production']`,
    );
  const { current_stage: before } = await versionToChange(sql, name, version);
  await requireNoProtection(sql, name, `The stage ${to}`);
  if (archive) await archiveOthers(sql, name, Number(version), to, change);
  await sql.run(
    'UPDATE model_versions SET current_stage = ?, last_updated_time = ? WHERE name = ? AND version = ?',
    to,
    change.at,
    name,
    Number(version),
  );
  await audit(sql, change, { action: `stage of ${version}`, name, before, after: to });
}

async function archiveOthers(
  sql: Sql,
  name: string,
  version: number,
  stage: Stage,
  change: Change,
): Promise<void> {
  const others = await sql.all(
    `UPDATE model_versions SET current_stage = 'Archived', last_updated_time = ?
     WHERE name = ? AND current_stage = ? AND version <> ? AND deleted = 0 RETURNING version`,
    change.at,
    name,
    stage,
    version,
  );
  for (const number of others.map((row) => Number(row['version'])).toSorted((a, b) => a - b))
    await audit(sql, change, { action: `stage of ${number}`, name, before: stage, after: 'Archived' });
}

/** Its number is never used again; its aliases point nowhere afterwards, so they go. */
export async function deleteVersion(sql: Sql, name: string, version: string, change: Change): Promise<void> {
  const { aliases } = await versionToChange(sql, name, version);
  const number = Number(version);
  await requireNotAliased(sql, name, number);
  await endWishes(sql, name, { version: number }, change);
  await sql.run('DELETE FROM registered_model_aliases WHERE name = ? AND version = ?', name, number);
  for (const alias of aliases)
    await audit(sql, change, { action: `alias ${alias}`, name, before: version, after: null });
  await sql.run('DELETE FROM model_version_tags WHERE name = ? AND version = ?', name, number);
  await sql.run(
    `UPDATE model_versions SET deleted = 1, source = NULL, description = NULL, last_updated_time = ? WHERE name = ? AND version = ?`,
    change.at,
    name,
    number,
  );
  await audit(sql, change, { action: 'delete version', name, before: version, after: null });
}

export async function setVersionTag(
  sql: Sql,
  name: string,
  version: string,
  tag: Tag,
  change: Change,
): Promise<void> {
  checkRegistryTag(tag);
  const { tags } = await versionToChange(sql, name, version);
  await writeTag(sql, name, Number(version), tag);
  const before = tags.find(({ key }) => key === tag.key)?.value ?? null;
  if (before !== tag.value)
    await audit(sql, change, { action: `tag ${tag.key} of ${version}`, name, before, after: tag.value });
  await announce(sql, { what: 'version tag set', name, data: { version, ...tag } }, change.at);
}

export async function deleteVersionTag(
  sql: Sql,
  name: string,
  version: string,
  key: string,
  change: Change,
): Promise<void> {
  const { tags } = await versionToChange(sql, name, version);
  const before = tags.find((tag) => tag.key === key);
  if (before === undefined) return;
  await sql.run(
    'DELETE FROM model_version_tags WHERE name = ? AND version = ? AND key = ?',
    name,
    Number(version),
    key,
  );
  await audit(sql, change, { action: `tag ${key} of ${version}`, name, before: before.value, after: null });
  await announce(sql, { what: 'version tag deleted', name, data: { version, key } }, change.at);
}

/** Points an alias to a version, whatever it pointed to; one that is protected only moves with an approval. */
export async function setAlias(
  sql: Sql,
  name: string,
  alias: string,
  version: string,
  change: Change,
): Promise<void> {
  await lockIfThere(sql, name);
  await requireUnprotected(sql, name, alias);
  await moveAlias(sql, { name, alias, version }, change);
}

/** Points an alias to a version, for who has seen to it that it may. */
export async function moveAlias(
  sql: Sql,
  { name, alias, version }: { name: string; alias: string; version: string },
  change: Change,
): Promise<void> {
  checkAliasName(alias);
  await versionToChange(sql, name, version);
  const before = await aliasedVersion(sql, name, alias);
  await sql.run(
    'INSERT INTO registered_model_aliases (name, alias, version) VALUES (?, ?, ?) ON CONFLICT (name, alias) DO UPDATE SET version = excluded.version',
    name,
    alias,
    Number(version),
  );
  if (before !== version)
    await audit(sql, change, { action: `alias ${alias}`, name, before: before ?? null, after: version });
  await announce(sql, { what: 'alias set', name, data: { alias, version } }, change.at);
}

export async function deleteAlias(sql: Sql, name: string, alias: string, change: Change): Promise<void> {
  await lockModel(sql, name);
  await requireUnprotected(sql, name, alias);
  const before = await aliasedVersion(sql, name, alias);
  if (before === undefined) return;
  await sql.run('DELETE FROM registered_model_aliases WHERE name = ? AND alias = ?', name, alias);
  await audit(sql, change, { action: `alias ${alias}`, name, before, after: null });
  await announce(sql, { what: 'alias deleted', name, data: { alias } }, change.at);
}

export async function readAlias(sql: Sql, name: string, alias: string): Promise<ModelVersion> {
  checkText('alias', alias);
  await requireModel(sql, name);
  // The newest clients ask so for the newest version; no alias may be set that is called so.
  if (alias.toLowerCase() === 'latest') return latestVersion(sql, name);
  const version = await aliasedVersion(sql, name, alias);
  if (version === undefined) throw invalid(`Registered model alias ${alias} not found.`);
  return readVersion(sql, name, version);
}

async function latestVersion(sql: Sql, name: string): Promise<ModelVersion> {
  const newest = (await latestVersions(sql, name, [])).at(-1);
  if (newest === undefined) throw missing(`Latest version not found for model ${name}.`);
  return newest;
}

/** The newest version of each of `stages`, the newest of all last. */
export async function latestVersions(
  sql: Sql,
  name: string,
  stages: readonly string[],
): Promise<ModelVersion[]> {
  await requireModel(sql, name);
  const wanted = stages.length === 0 ? [...STAGES] : stages.map(canonicalStage);
  const rows = await sql.all(
    `SELECT * FROM model_versions v WHERE name = ? AND deleted = 0 AND current_stage IN ${inList(sql, 'text')} AND version =
       (SELECT max(version) FROM model_versions w WHERE w.name = v.name AND w.deleted = 0 AND w.current_stage = v.current_stage)
     ORDER BY version`,
    name,
    listOf(wanted),
  );
  return versionsOf(sql, rows);
}

function canonicalStage(stage: string): Stage {
  const found = STAGES.find((one) => one.toLowerCase() === stage.toLowerCase());
  if (found === undefined)
    throw invalid(
      `Invalid Model Version stage: ${stage.slice(0, 40)}. Value must be one of ${STAGES.join(', ')}.`,
    );
  return found;
}

/** What an alias points to. */
export async function aliasedVersion(sql: Sql, name: string, alias: string): Promise<string | undefined> {
  const row = await sql.get(
    'SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?',
    name,
    alias,
  );
  return row === undefined ? undefined : String(row['version']);
}

async function writeTag(sql: Sql, name: string, version: number, { key, value }: Tag): Promise<void> {
  await sql.run(
    'INSERT INTO model_version_tags (name, version, key, value) VALUES (?, ?, ?, ?) ON CONFLICT (name, version, key) DO UPDATE SET value = excluded.value',
    name,
    version,
    key,
    value,
  );
}
