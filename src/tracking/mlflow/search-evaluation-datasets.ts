import type { Sql } from '../../db/sql.ts';
import type { Sql as Condition } from '../filter-sql.ts';
import { columnKey } from '../sort-key.ts';
import { checkMaxResults, experimentNumber } from './check.ts';
import { datasetsOf, type EvaluationDataset } from './evaluation-datasets.ts';
import { inList, listOf } from './in-list.ts';
import { type PageRequest, page, type Searchable } from './page.ts';

const DATASETS: Searchable = {
  grammar: {
    what: 'an evaluation data set',
    attributes: {
      name: 'name',
      created_time: 'created_time',
      last_update_time: 'last_update_time',
      created_by: 'created_by',
      last_updated_by: 'last_updated_by',
    },
    numeric: new Set(['created_time', 'last_update_time']),
    entities: ['attribute', 'tag'],
  },
  searched: {
    columns: {
      name: 'd.name',
      created_time: 'd.created_time',
      last_update_time: 'd.last_update_time',
      created_by: 'd.created_by',
      last_updated_by: 'd.last_updated_by',
    },
    keyed: { tag: { table: 'evaluation_dataset_tags', join: 'x.dataset_id = d.dataset_id' } },
  },
  select: 'd.*',
  from: 'evaluation_datasets d',
  last: [columnKey('d.created_time', 'integer', 'DESC'), columnKey('d.dataset_id', 'text', 'DESC')],
};

export interface DatasetSearch extends PageRequest {
  /** All if there is none. */
  readonly experimentIds: readonly string[];
}

const PAGE = 1000;

/** A page of data sets, the newest first, and a token only if more follow. */
export async function searchEvaluationDatasets(
  sql: Sql,
  search: DatasetSearch,
  readable: Condition,
): Promise<{ datasets: EvaluationDataset[]; token: { next_page_token?: string } }> {
  const { experimentIds, maxResults } = search;
  checkMaxResults(maxResults);
  const inThese = {
    text: `EXISTS (SELECT 1 FROM evaluation_dataset_experiments i WHERE i.dataset_id = d.dataset_id AND i.experiment_id IN ${inList(sql, 'integer')})`,
    values: [listOf(experimentIds.flatMap((id) => experimentNumber(id) ?? []))],
  };
  const { rows, token } = await page(sql, DATASETS, { ...search, maxResults: Math.min(maxResults, PAGE) }, [
    readable,
    ...(experimentIds.length === 0 ? [] : [inThese]),
  ]);
  return { datasets: await datasetsOf(sql, rows), token };
}
