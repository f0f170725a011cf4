import type { ColumnType } from '../../core/columns.ts';
import type { Task } from '../model.ts';

/**
 * How raw columns become features: fitted on training rows, kept as JSON, and carried out by two back
 * ends, SQL for tables and ONNX for models, which a test holds equal.
 */
export interface Transformer {
  readonly v: 1;
  /** Raw columns that the features are made of, in the order of the table. */
  readonly inputs: readonly InputColumn[];
  readonly target: Target;
  /** Column of row weights, if there is one. */
  readonly weight?: string;
  readonly features: readonly Feature[];
  /** Columns left out, with the reason. */
  readonly dropped: readonly { readonly column: string; readonly reason: string }[];
}

export interface InputColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** It had missing values in the training rows: numbers then travel as floats. */
  readonly nullable: boolean;
}

export interface Target extends Answer {
  readonly column: string;
}

/** In what a model answers. */
export interface Answer {
  /** Of the target. */
  readonly type: ColumnType;
  readonly task: Task;
  /** Labels in the order of the model's scores; binary: the positive class last. */
  readonly classes?: readonly string[];
}

export type Feature =
  /** `(x - mean) / std` in float32, missing values first filled with `fill`. */
  | {
      readonly name: string;
      readonly op: 'scale';
      readonly column: string;
      readonly fill: number;
      readonly mean: number;
      readonly std: number;
    }
  /** The number itself; missing stays missing. */
  | { readonly name: string; readonly op: 'number'; readonly column: string }
  /** 1 where the text is `value`. */
  | { readonly name: string; readonly op: 'one-hot'; readonly column: string; readonly value: string }
  /** The share of training rows that have this text; 0 for one never seen. */
  | {
      readonly name: string;
      readonly op: 'frequency';
      readonly column: string;
      readonly shares: readonly (readonly [value: string, share: number])[];
    }
  /** A part of a date in UTC; a missing date counts as 1970-01-01. */
  | { readonly name: string; readonly op: 'calendar'; readonly column: string; readonly part: CalendarPart };

export const CALENDAR_PARTS = ['year', 'month', 'day', 'weekday', 'minute'] as const;
/** `weekday` counts from 0 for Sunday; `minute` from midnight. */
export type CalendarPart = (typeof CALENDAR_PARTS)[number];
