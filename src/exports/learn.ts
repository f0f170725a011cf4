export { type AnswerColumn, answerColumns } from '../learn/answer-columns.ts';
export { type ClassWeight, classFactors, weighClasses } from '../learn/class-weights.ts';
export {
  type Criterion,
  type CriterionOutcome,
  greaterIsBetter,
  judge,
  type Verdict,
} from '../learn/criteria.ts';
export {
  type Examples,
  type FitProgress,
  type FittedGbdt,
  fitGbdt,
  type GbdtOptions,
} from '../learn/gbdt/fit-gbdt.ts';
export { fitLinear, type LinearOptions } from '../learn/linear/fit-linear.ts';
export {
  type Classified,
  type ClassifierReport,
  classifierReport,
} from '../learn/metrics/classifier-metrics.ts';
export { type RegressorReport, regressorReport } from '../learn/metrics/regressor-metrics.ts';
export type { FeatureColumn, Features, Model, Task } from '../learn/model.ts';
export type { Scores } from '../learn/model-answer.ts';
export { writeModelDirectory } from '../learn/model-directory.ts';
export { openModel, type ScoringModel } from '../learn/open-model.ts';
export {
  type ColumnStatistics,
  type FitOptions,
  fitTransformer,
} from '../learn/transformer/fit-transformer.ts';
export type { Answer, Feature, InputColumn, Target, Transformer } from '../learn/transformer/transformer.ts';
export { type SqlQuotes, targetSql, transformerSql } from '../learn/transformer/transformer-sql.ts';
