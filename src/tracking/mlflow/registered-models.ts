import type { Row, Sql } from '../../db/sql.ts';
import { checkModelName } from '../limits.ts';
import { endWishes } from '../protection/promotion.ts';
import { requireNoProtection } from '../protection/protections.ts';
import { announce, announceModel } from '../webhooks/announce.ts';
import { audit, type Change } from './audit.ts';
import { checkLength, checkText } from './check.ts';
import { inList, listOf } from './in-list.ts';
import type { RegisteredModel, Tag } from './messages.ts';
import { invalid, MlflowError } from './mlflow-error.ts';
import { keepNumbers, resumeNumbers } from './model-numbers.ts';
import { latestVersions } from './model-versions.ts';
import { isPrompt } from './prompt.ts';
import { checkRegistryTag, lockModel, modelExists, modelNotFound } from './require-model.ts';

const MAX_DESCRIPTION = 5000;

export interface NewModel {
  readonly name: string;
  readonly description: string | undefined;
  readonly tags: readonly Tag[];
}

/** @throws MlflowError RESOURCE_ALREADY_EXISTS, INVALID_PARAMETER_VALUE */
export async function createModel(sql: Sql, model: NewModel, change: Change): Promise<void> {
  const { name, description, tags } = model;
  checkName(name);
  checkLength('Description', description ?? '', MAX_DESCRIPTION);
  for (const tag of tags) checkRegistryTag(tag);
  if (await addModel(sql, model, change)) return;
  throw taken(name, { old: isPrompt((await readModel(sql, name)).tags), new: isPrompt(tags) });
}

/** Makes a model unless there is one of that name; gives whether it did. */
export async function addModel(
  sql: Sql,
  { name, description, tags }: NewModel,
  change: Change,
): Promise<boolean> {
  const added = await sql.run(
    `INSERT INTO registered_models (name, creation_time, last_updated_time, description, user_id) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (name) DO NOTHING`,
    name,
    change.at,
    change.at,
    description ?? null,
    change.actor,
  );
  if (added === 0) return false;
  await resumeNumbers(sql, name);
  for (const tag of tags) await writeTag(sql, name, tag);
  await audit(sql, change, { action: 'create', name, before: null, after: null });
  await announceModel(sql, { name, description: description ?? '', tags }, change.at);
  return true;
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export async function readModel(sql: Sql, name: string): Promise<RegisteredModel> {
  const row = await sql.get('SELECT * FROM registered_models WHERE name = ?', name);
  if (row === undefined) throw modelNotFound(name);
  return (await modelsOf(sql, [row]))[0] as RegisteredModel;
}

/** Rows of `registered_models` with what belongs to them. */
export async function modelsOf(sql: Sql, rows: readonly Row[]): Promise<RegisteredModel[]> {
  const names = listOf(rows.map((row) => String(row['name'])));
  const of = async (columns: string, table: string): Promise<Map<string, Row[]>> => {
    const found = await sql.all(
      `SELECT name, ${columns} FROM ${table} WHERE name IN ${inList(sql, 'text')} ORDER BY 2`,
      names,
    );
    return Map.groupBy(found, (row) => String(row['name']));
  };
  const tags = await of('key, value', 'registered_model_tags');
  const aliases = await of('alias, version', 'registered_model_aliases');
  const models: RegisteredModel[] = [];
  for (const row of rows) {
    const name = String(row['name']);
    models.push({
      name,
      creation_timestamp: Number(row['creation_time']),
      last_updated_timestamp: Number(row['last_updated_time']),
      user_id: String(row['user_id']),
      description: String(row['description'] ?? ''),
      latest_versions: await latestVersions(sql, name, []),
      tags: (tags.get(name) ?? []).map((tag) => ({ key: String(tag['key']), value: String(tag['value']) })),
      aliases: (aliases.get(name) ?? []).map((one) => ({
        alias: String(one['alias']),
        version: String(one['version']),
      })),
    });
  }
  return models;
}

export async function renameModel(sql: Sql, name: string, to: string, change: Change): Promise<void> {
  checkName(to);
  await lockModel(sql, name);
  await requireNoProtection(sql, name, 'Another name');
  if (await modelExists(sql, to)) throw alreadyThere(to);
  await keepNumbers(sql, name);
  // Versions follow their model; tags and aliases follow their versions.
  await sql.run(
    'UPDATE registered_models SET name = ?, last_updated_time = ? WHERE name = ?',
    to,
    change.at,
    name,
  );
  await resumeNumbers(sql, to);
  await audit(sql, change, { action: 'rename', name: to, before: name, after: to });
}

export async function describeModel(
  sql: Sql,
  name: string,
  description: string,
  change: Change,
): Promise<void> {
  checkLength('Description', description, MAX_DESCRIPTION);
  await lockModel(sql, name);
  const { description: before } = await readModel(sql, name);
  await sql.run(
    'UPDATE registered_models SET description = ?, last_updated_time = ? WHERE name = ?',
    description,
    change.at,
    name,
  );
  await audit(sql, change, { action: 'description', name, before: before || null, after: description });
}

/** A model, its versions and all that belongs to them. */
export async function deleteModel(sql: Sql, name: string, change: Change): Promise<void> {
  await lockModel(sql, name);
  await requireNoProtection(sql, name, 'Deletion');
  await endWishes(sql, name, {}, change);
  await keepNumbers(sql, name);
  for (const table of [
    'registered_model_aliases',
    'model_version_tags',
    'model_versions',
    'registered_model_tags',
    'registered_models',
  ])
    await sql.run(`DELETE FROM ${table} WHERE name = ?`, name);
  await audit(sql, change, { action: 'delete', name, before: name, after: null });
}

export async function setModelTag(sql: Sql, name: string, tag: Tag, change: Change): Promise<void> {
  checkRegistryTag(tag);
  await lockModel(sql, name);
  const before = await tagOf(sql, name, tag.key);
  await writeTag(sql, name, tag);
  if (before !== tag.value)
    await audit(sql, change, { action: `tag ${tag.key}`, name, before, after: tag.value });
  await announce(sql, { what: 'tag set', name, data: tag }, change.at);
}

export async function deleteModelTag(sql: Sql, name: string, key: string, change: Change): Promise<void> {
  await lockModel(sql, name);
  const before = await tagOf(sql, name, key);
  // What says that it is a prompt may be the very tag that goes.
  await announce(sql, { what: 'tag deleted', name, data: { key } }, change.at);
  await sql.run('DELETE FROM registered_model_tags WHERE name = ? AND key = ?', name, key);
  if (before !== null) await audit(sql, change, { action: `tag ${key}`, name, before, after: null });
}

async function tagOf(sql: Sql, name: string, key: string): Promise<string | null> {
  const row = await sql.get('SELECT value FROM registered_model_tags WHERE name = ? AND key = ?', name, key);
  return row === undefined ? null : String(row['value']);
}

async function writeTag(sql: Sql, name: string, { key, value }: Tag): Promise<void> {
  await sql.run(
    'INSERT INTO registered_model_tags (name, key, value) VALUES (?, ?, ?) ON CONFLICT (name, key) DO UPDATE SET value = excluded.value',
    name,
    key,
    value,
  );
}

function checkName(name: string): void {
  checkModelName(name);
  checkText('name', name);
  // Encoded or not, two names that a reader takes for one would be one model's poison.
  if (name.includes('%')) throw invalid(`Invalid name: '${name.slice(0, 80)}'. A name has no %.`);
}

/** @param prompt which of the two is a prompt */
function taken(name: string, prompt: { readonly old: boolean; readonly new: boolean }): MlflowError {
  if (prompt.old === prompt.new)
    return prompt.new
      ? new MlflowError('RESOURCE_ALREADY_EXISTS', `Prompt (name=${name}) already exists.`)
      : alreadyThere(name);
  const [wanted, found] = prompt.new ? ['prompt', 'registered model'] : ['registered model', 'prompt'];
  return new MlflowError(
    'RESOURCE_ALREADY_EXISTS',
    `Tried to create a ${wanted} with name '${name}', but the name is already taken by a ${found}. MLflow does not allow creating a model and a prompt with the same name.`,
  );
}

function alreadyThere(name: string): MlflowError {
  return new MlflowError('RESOURCE_ALREADY_EXISTS', `Registered Model (name=${name}) already exists.`);
}
