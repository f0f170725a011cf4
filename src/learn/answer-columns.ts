import type { ColumnType } from '../core/columns.ts';
import type { Answer } from './transformer/transformer.ts';

/** Columns in which a model answers, as MLflow's own templates name them: `prediction`, or a label and a score a class. */
export type AnswerColumn =
  | { readonly name: string; readonly kind: 'prediction' }
  | { readonly name: string; readonly kind: 'label'; readonly type: ColumnType }
  | { readonly name: string; readonly kind: 'score' };

export function answerColumns({ task, type, classes = [] }: Answer): AnswerColumn[] {
  if (task === 'regression') return [{ name: 'prediction', kind: 'prediction' }];
  return [
    { name: 'predicted_label', kind: 'label', type },
    ...classes.map((label): AnswerColumn => ({ name: `predicted_score_${label}`, kind: 'score' })),
  ];
}
