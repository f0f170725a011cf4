export type { Column, Columns, ColumnType, NumberColumn, TextColumn } from '../core/columns.ts';
export { RESERVED_PREFIX, ROW } from '../core/columns.ts';
export { columnType, describeSelect, type TableColumn } from '../tables/describe-table.ts';
export { type ColumnProfile, profileTable, type TableProfile } from '../tables/profile-table.ts';
export { type ReadOptions, readColumns, readFloats } from '../tables/read-columns.ts';
export { SOURCE_FORMATS, type SourceFormat, sourceSelect } from '../tables/source-select.ts';
export { quoteIdentifier, quoteLiteral } from '../tables/sql-text.ts';
export { renderRecipe, type Suggestion, suggestRecipe } from '../tables/suggest-recipe.ts';
export { Tables, type TablesOptions } from '../tables/tables.ts';
