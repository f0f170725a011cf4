import type { Sql } from '../../db/sql.ts';
import type { Comparison } from '../filter.ts';
import { type Sql as Condition, conditionOf } from '../filter-sql.ts';
import { columnKey } from '../sort-key.ts';
import { checkMaxResults } from './check.ts';
import type { ModelVersion, RegisteredModel } from './messages.ts';
import { invalid } from './mlflow-error.ts';
import { versionsOf } from './model-versions.ts';
import { comparisonsOf, keysOf, type Page, type PageRequest, pageBy, type Searchable } from './page.ts';
import { PROMPT_TAG } from './prompt.ts';
import { modelsOf } from './registered-models.ts';

const MODELS: Searchable = {
  grammar: {
    what: 'a registered model',
    attributes: {
      name: 'name',
      creation_timestamp: 'created',
      last_updated_timestamp: 'updated',
      timestamp: 'updated',
    },
    numeric: new Set(['created', 'updated']),
    entities: ['attribute', 'tag'],
  },
  searched: {
    columns: { name: 'm.name', created: 'm.creation_time', updated: 'm.last_updated_time' },
    keyed: { tag: { table: 'registered_model_tags', join: 'x.name = m.name' } },
  },
  select: 'm.*',
  from: 'registered_models m',
  last: [columnKey('m.name', 'text')],
};

const VERSIONS: Searchable = {
  grammar: {
    what: 'a model version',
    attributes: {
      name: 'name',
      version_number: 'version',
      version: 'version',
      run_id: 'run_id',
      source_path: 'source',
      source: 'source',
      creation_timestamp: 'created',
      last_updated_timestamp: 'updated',
      timestamp: 'updated',
    },
    numeric: new Set(['version', 'created', 'updated']),
    entities: ['attribute', 'tag'],
  },
  searched: {
    columns: {
      name: 'v.name',
      version: 'v.version',
      run_id: 'v.run_id',
      source: 'v.source',
      created: 'v.creation_time',
      updated: 'v.last_updated_time',
    },
    keyed: { tag: { table: 'model_version_tags', join: 'x.name = v.name AND x.version = v.version' } },
  },
  select: 'v.*',
  from: 'model_versions v',
  last: [
    columnKey('v.last_updated_time', 'integer', 'DESC'),
    columnKey('v.name', 'text'),
    columnKey('v.version', 'integer', 'DESC'),
  ],
};

export async function searchModels(
  sql: Sql,
  search: PageRequest,
  readable: Condition,
): Promise<{ registered_models: RegisteredModel[]; next_page_token?: string }> {
  checkMaxResults(search.maxResults, 1000);
  const { rows, token } = await withoutPrompts(sql, MODELS, search, [readable]);
  return { registered_models: await modelsOf(sql, rows), ...token };
}

export async function searchVersions(
  sql: Sql,
  search: PageRequest,
  readable: Condition,
): Promise<{ model_versions: ModelVersion[]; next_page_token?: string }> {
  if (search.maxResults < 1)
    throw invalid(
      `Invalid value for max_results. It must be a positive integer, but got ${search.maxResults}`,
    );
  checkMaxResults(search.maxResults, 200_000);
  const kept = { text: 'v.deleted = 0', values: [] };
  const { rows, token } = await withoutPrompts(sql, VERSIONS, search, [kept, readable]);
  return { model_versions: await versionsOf(sql, rows), ...token };
}

/**
 * Prompts are models of a kind of their own: found only by who asks for them. What says "no prompts" means
 * models without the tag too, where other comparisons find only what has it.
 */
async function withoutPrompts(
  sql: Sql,
  searchable: Searchable,
  search: PageRequest,
  fixed: readonly Condition[],
): Promise<Page> {
  const condition = (one: Comparison): Condition => conditionOf(one, sql.dialect, searchable.searched);
  const all = comparisonsOf(searchable, search);
  const comparisons = all.filter((one) => !isPromptTag(one) || !saysNoPrompts(one));
  const conditions = [...fixed, ...comparisons.map(condition)];
  if (comparisons.length < all.length || !comparisons.some(isPromptTag)) {
    const prompts = condition({ entity: 'tag', key: PROMPT_TAG, operator: '=', value: 'true' });
    conditions.push({ text: `NOT (${prompts.text})`, values: prompts.values });
  }
  return pageBy(sql, searchable, search, conditions, keysOf(searchable, search));
}

function isPromptTag({ entity, key }: Comparison): boolean {
  return entity === 'tag' && key === PROMPT_TAG;
}

function saysNoPrompts({ operator, value }: Comparison): boolean {
  return (operator === '!=' && value === 'true') || (operator === '=' && value === 'false');
}
