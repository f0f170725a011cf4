export { type ColumnStatistics, fitTransformer, type FitOptions } from '../learn/transformer/fit-transformer.ts';
export type { Feature, InputColumn, Target, Transformer } from '../learn/transformer/transformer.ts';
export { type SqlQuotes, targetSql, transformerSql } from '../learn/transformer/transformer-sql.ts';
