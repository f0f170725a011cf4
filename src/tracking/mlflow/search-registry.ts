import type { Sql } from '../../db/sql.ts';
import { type Comparison, type Grammar, parseFilter, parseOrder } from '../filter.ts';
import { conditionOf, orderOf, type Searched, type Sql as SqlPart } from '../filter-sql.ts';
import { offsetOf, pageToken } from '../page-token.ts';
import type { ModelVersion, RegisteredModel } from './messages.ts';
import { invalid } from './mlflow-error.ts';
import { versionsOf } from './model-versions.ts';
import { modelsOf } from './registered-models.ts';

export interface RegistrySearch {
  readonly filter: string;
  readonly maxResults: number;
  readonly orderBy: readonly string[];
  readonly pageToken: string | undefined;
}

const PROMPT_TAG = 'mlflow.prompt.is_prompt';

const MODEL_GRAMMAR: Grammar = {
  what: 'a registered model',
  attributes: {
    name: 'name',
    creation_timestamp: 'created',
    last_updated_timestamp: 'updated',
    timestamp: 'updated',
  },
  numeric: new Set(['created', 'updated']),
  entities: ['attribute', 'tag'],
};
const MODELS: Searched = {
  columns: { name: 'm.name', created: 'm.creation_time', updated: 'm.last_updated_time' },
  keyed: { tag: { table: 'registered_model_tags', join: 'x.name = m.name' } },
};

const VERSION_GRAMMAR: Grammar = {
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
};
const VERSIONS: Searched = {
  columns: {
    name: 'v.name',
    version: 'v.version',
    run_id: 'v.run_id',
    source: 'v.source',
    created: 'v.creation_time',
    updated: 'v.last_updated_time',
  },
  keyed: { tag: { table: 'model_version_tags', join: 'x.name = v.name AND x.version = v.version' } },
};

/** Prompts are models of a kind of their own: found only by who asks for them. */
export async function searchModels(
  sql: Sql,
  search: RegistrySearch,
  readable: SqlPart,
): Promise<{ registered_models: RegisteredModel[]; next_page_token?: string }> {
  if (search.maxResults < 1 || search.maxResults > 1000)
    throw invalid(
      `Invalid value ${search.maxResults} for parameter 'max_results' supplied: it must be from 1 to 1000.`,
    );
  const { comparisons, hidesPrompts } = filterOf(search, MODEL_GRAMMAR);
  const { rows, token } = await page(sql, 'registered_models m', search, {
    grammar: MODEL_GRAMMAR,
    searched: MODELS,
    comparisons,
    readable,
    fixed: hidesPrompts
      ? `NOT EXISTS (SELECT 1 FROM registered_model_tags x WHERE x.name = m.name AND x.key = '${PROMPT_TAG}' AND x.value = 'true')`
      : 'true',
    last: 'm.name',
  });
  return { registered_models: await modelsOf(sql, rows), ...token };
}

export async function searchVersions(
  sql: Sql,
  search: RegistrySearch,
  readable: SqlPart,
): Promise<{ model_versions: ModelVersion[]; next_page_token?: string }> {
  if (search.maxResults < 1 || search.maxResults > 200_000)
    throw invalid(
      `Invalid value ${search.maxResults} for parameter 'max_results' supplied: it must be from 1 to 200000.`,
    );
  const { comparisons, hidesPrompts } = filterOf(search, VERSION_GRAMMAR);
  const { rows, token } = await page(sql, 'model_versions v', search, {
    grammar: VERSION_GRAMMAR,
    searched: VERSIONS,
    comparisons,
    readable,
    fixed: hidesPrompts
      ? `v.deleted = 0 AND NOT EXISTS (SELECT 1 FROM model_version_tags x WHERE x.name = v.name AND x.version = v.version AND x.key = '${PROMPT_TAG}' AND x.value = 'true')`
      : 'v.deleted = 0',
    last: 'v.last_updated_time DESC, v.name, v.version DESC',
  });
  return { model_versions: await versionsOf(sql, rows), ...token };
}

interface RegistryFilter {
  readonly comparisons: readonly Comparison[];
  readonly hidesPrompts: boolean;
}

/** What says "no prompts" means models without the tag too, where other comparisons find only what has it. */
function filterOf({ filter }: RegistrySearch, grammar: Grammar): RegistryFilter {
  const all = filter.trim() === '' ? [] : parseFilter(filter, grammar);
  const comparisons = all.filter((one) => !isPromptTag(one) || !saysNoPrompts(one));
  return {
    comparisons,
    hidesPrompts: comparisons.length < all.length || !comparisons.some(isPromptTag),
  };
}

function isPromptTag({ entity, key }: Comparison): boolean {
  return entity === 'tag' && key === PROMPT_TAG;
}

function saysNoPrompts({ operator, value }: Comparison): boolean {
  return (operator === '!=' && value === 'true') || (operator === '=' && value === 'false');
}

async function page(
  sql: Sql,
  from: string,
  { maxResults, orderBy, pageToken: before }: RegistrySearch,
  {
    grammar,
    searched,
    comparisons,
    readable,
    fixed,
    last,
  }: {
    grammar: Grammar;
    searched: Searched;
    comparisons: readonly Comparison[];
    readable: SqlPart;
    fixed: string;
    last: string;
  },
): Promise<{ rows: Awaited<ReturnType<Sql['all']>>; token: { next_page_token?: string } }> {
  const conditions = comparisons.map((one) => conditionOf(one, sql.dialect, searched));
  const orders =
    orderBy.length === 0 ? [] : parseOrder(orderBy.join(', '), grammar).map((one) => orderOf(one, searched));
  const offset = offsetOf(before);
  const rows = await sql.all(
    `SELECT * FROM ${from} WHERE ${[fixed, `(${readable.text})`, ...conditions.map(({ text }) => `(${text})`)].join(' AND ')}
     ORDER BY ${[...orders.map(({ text }) => text), last].join(', ')} LIMIT ? OFFSET ?`,
    ...[readable, ...conditions, ...orders].flatMap(({ values }) => values),
    maxResults + 1,
    offset,
  );
  return {
    rows: rows.slice(0, maxResults),
    token: rows.length > maxResults ? { next_page_token: pageToken(offset + maxResults) } : {},
  };
}
