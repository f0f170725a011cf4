import type { Row, Sql } from '../../db/sql.ts';
import { type Comparison, type Grammar, type Ordering, parseFilter, parseOrder } from '../filter.ts';
import { type Sql as Condition, conditionOf, type Searched } from '../filter-sql.ts';
import { type Position, partsAfter } from '../keyset.ts';
import { pageToken, positionOf, searchDigest } from '../page-token.ts';
import { orderOf, type SortKey, sortKeysOf } from '../sort-key.ts';

/** What a search reads: its language, its rows, and their order where a user says none. */
export interface Searchable {
  readonly grammar: Grammar;
  readonly searched: Searched;
  readonly select: string;
  readonly from: string;
  /** The last of them is the id. */
  readonly last: readonly SortKey[];
}

export interface PageRequest {
  readonly filter: string;
  readonly orderBy: readonly string[];
  readonly maxResults: number;
  readonly pageToken: string | undefined;
}

export interface Page {
  readonly rows: readonly Row[];
  readonly token: { readonly next_page_token?: string };
}

/** A page of what is searched, and a token only if more follow. `fixed`: what holds beside the filter. */
export async function page(
  sql: Sql,
  searchable: Searchable,
  request: PageRequest,
  fixed: readonly Condition[],
): Promise<Page> {
  const conditions = comparisonsOf(searchable, request).map((one) =>
    conditionOf(one, sql.dialect, searchable.searched),
  );
  return pageBy(sql, searchable, request, [...fixed, ...conditions], keysOf(searchable, request));
}

/** As `page`, with all conditions and keys ready. */
export async function pageBy(
  sql: Sql,
  {
    select,
    from,
    grammar,
  }: Pick<Searchable, 'select' | 'from'> & { readonly grammar: { readonly what: string } },
  { filter, orderBy, maxResults, pageToken: before }: PageRequest,
  where: readonly Condition[],
  keys: readonly SortKey[],
): Promise<Page> {
  const search = searchDigest(
    grammar.what,
    filter,
    orderBy,
    where,
    keys.map(({ values }) => values),
  );
  const position = positionOf(before, search, keys);
  const rows = await rowsAfter(sql, { select, from, where, keys, position, limit: maxResults + 1 });
  const last = rows.length > maxResults ? rows[maxResults - 1] : undefined;
  return {
    rows: rows.slice(0, maxResults),
    token: last === undefined ? {} : { next_page_token: pageToken(search, positionAt(last, keys)) },
  };
}

export function comparisonsOf(
  { grammar }: Searchable,
  { filter }: Pick<PageRequest, 'filter'>,
): Comparison[] {
  return filter.trim() === '' ? [] : parseFilter(filter, grammar);
}

/** The user's order, then the search's own. */
export function keysOf(searchable: Searchable, request: Pick<PageRequest, 'orderBy'>): SortKey[] {
  return keysBy(searchable, orderingsOf(searchable, request));
}

export function orderingsOf(
  { grammar }: Pick<Searchable, 'grammar'>,
  { orderBy }: Pick<PageRequest, 'orderBy'>,
): Ordering[] {
  return orderBy.length === 0 ? [] : parseOrder(orderBy.join(', '), grammar);
}

export function keysBy({ grammar, searched, last }: Searchable, orderings: readonly Ordering[]): SortKey[] {
  return [...orderings.flatMap((one) => sortKeysOf(one, grammar, searched)), ...last];
}

interface Wanted {
  readonly select: string;
  readonly from: string;
  readonly where: readonly Condition[];
  readonly keys: readonly SortKey[];
  readonly position: Position | undefined;
  readonly limit: number;
}

/** The first rows after a position, each with the values of its keys. */
export async function rowsAfter(
  sql: Sql,
  { select, from, where, keys, position, limit }: Wanted,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const part of partsAfter(keys, position, sql.dialect)) {
    const conditions = [...where, part];
    const order = orderOf(part.keys);
    rows.push(
      ...(await sql.all(
        `SELECT ${[select, ...keys.map(({ text }, index) => `${text} AS ${nameOf(index)}`)].join(', ')} FROM ${from}
         WHERE ${conditions.map(({ text }) => `(${text})`).join(' AND ')} ORDER BY ${order.text} LIMIT ?`,
        ...[...keys, ...conditions, order].flatMap(({ values }) => values),
        limit - rows.length,
      )),
    );
    if (rows.length >= limit) break;
  }
  return rows;
}

/** Where a row of `rowsAfter` stands. */
export function positionAt(row: Row, keys: readonly SortKey[]): Position {
  return keys.map((_, index) => row[nameOf(index)] as Position[number]);
}

function nameOf(key: number): string {
  return `sort_${key}`;
}
