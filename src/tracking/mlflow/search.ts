import type { Sql } from '../../db/sql.ts';
import { type Sql as Condition, EVERY_ROW } from '../filter-sql.ts';
import { columnKey } from '../sort-key.ts';
import { checkMaxResults } from './check.ts';
import { experimentsOf } from './experiments.ts';
import type { Experiment, ViewType } from './messages.ts';
import { type PageRequest, page, type Searchable } from './page.ts';

const EXPERIMENTS: Searchable = {
  grammar: {
    what: 'an experiment',
    attributes: {
      name: 'name',
      experiment_id: 'experiment_id',
      creation_time: 'creation_time',
      last_update_time: 'last_update_time',
    },
    numeric: new Set(['creation_time', 'last_update_time', 'experiment_id']),
    ids: new Set(['experiment_id']),
    entities: ['attribute', 'tag'],
  },
  searched: {
    columns: {
      name: 'e.name',
      experiment_id: 'e.experiment_id',
      creation_time: 'e.creation_time',
      last_update_time: 'e.last_update_time',
    },
    compared: { experiment_id: 'CAST(e.experiment_id AS text)' },
    keyed: { tag: { table: 'experiment_tags', join: 'x.experiment_id = e.experiment_id' } },
  },
  select: 'e.*',
  from: 'experiments e',
  last: [columnKey('e.last_update_time', 'integer', 'DESC'), columnKey('e.experiment_id', 'integer', 'DESC')],
};

export interface Search extends PageRequest {
  readonly view: ViewType;
}

/** A page of experiments, and a token only if more follow. */
export async function searchExperiments(
  sql: Sql,
  search: Search,
  root: string,
  readable: Condition,
): Promise<{ experiments: Experiment[]; next_page_token?: string }> {
  checkMaxResults(search.maxResults);
  const stage = inView('e.lifecycle_stage', search.view);
  const { rows, token } = await page(sql, EXPERIMENTS, search, [stage, readable]);
  return { experiments: await experimentsOf(sql, rows, root), ...token };
}

/** What a view shows, by the column of the stage. */
export function inView(column: string, view: ViewType): Condition {
  return view === 'ALL'
    ? EVERY_ROW
    : { text: `${column} = ?`, values: [view === 'ACTIVE_ONLY' ? 'active' : 'deleted'] };
}
