import { ExitCode } from '../exit-code.ts';
import type { Entry } from './entry.ts';

/** What a component finds in data or in its own configuration. Documented in `docs/errors/data.md`. */
export const DATA_ERRORS = {
  DATA_FILE_EMPTY: {
    exit: ExitCode.stepFailed,
    message: (p: { file: string }) => `${p.file} has no rows`,
    hint: () => 'Check what writes the file, or the pattern that chose it.',
  },
  DATA_FORMAT_UNKNOWN: {
    exit: ExitCode.stepFailed,
    message: (p: { file: string }) =>
      `${p.file} has none of the endings csv, tsv, json, ndjson, jsonl, parquet`,
    hint: () => 'Say the format with `using:`, as in using: csv.',
  },
  DATA_UNREADABLE: {
    exit: ExitCode.stepFailed,
    message: (p: { file: string; problem: string }) => `${p.file} cannot be read: ${p.problem}`,
    hint: () => 'Correct the file at the line named, or say its format with `using:`.',
  },
  DATA_SCHEMA_DIFFERS: {
    exit: ExitCode.stepFailed,
    message: (p: { file: string; column: string; problem: string }) =>
      `${p.file} differs from the file before it: the column ${p.column} ${p.problem}`,
    hint: () => 'Give all files the same columns, or read them in separate steps.',
  },
  DATA_COLUMN_UNKNOWN: {
    exit: ExitCode.stepFailed,
    message: (p: { column: string; what: string; known: readonly string[] }) =>
      `${p.what} names the column ${p.column}, which the data does not have`,
    hint: (p: { known: readonly string[] }) => `Its columns are ${p.known.slice(0, 30).join(', ')}.`,
  },
  DATA_COLUMN_TWICE: {
    exit: ExitCode.stepFailed,
    message: (p: { file: string; column: string; before: string }) =>
      p.column === p.before
        ? `${p.file} has two columns of the name ${p.column} in line 1`
        : `${p.file} has the columns ${p.before} and ${p.column} in line 1, which differ in case only`,
    hint: () => 'Rename one of them: a column is known by its name, in capitals or not.',
  },
  DATA_COLUMN_RESERVED: {
    exit: ExitCode.stepFailed,
    message: (p: { column: string }) => `The column ${p.column} has a name that is kept for Stockpot`,
    hint: () => 'Rename it: names that begin with two underscores are reserved.',
  },
  DATA_EXPRESSION_INVALID: {
    exit: ExitCode.stepFailed,
    message: (p: { name: string; expression: string; problem: string }) =>
      `The expression of ${p.name} (${p.expression}) is not understood: ${p.problem}`,
    hint: () => 'Write an SQL expression over the columns of the data, as in "delay > 15".',
  },
  SPLIT_EMPTY: {
    exit: ExitCode.stepFailed,
    message: (p: { split: string; rows: number }) => `The ${p.split} split has no rows (of ${p.rows} in all)`,
    hint: () => 'Use more data, other split_ratios, or another way to split.',
  },
  SPLIT_TIME_MISSING: {
    exit: ExitCode.stepFailed,
    message: (p: { column: string; rows: number }) => `The column ${p.column} has no time in ${p.rows} rows`,
    hint: () => 'Fill it in, remove the rows, or split by hash.',
  },
  TARGET_CONSTANT: {
    exit: ExitCode.stepFailed,
    message: (p: { target: string; value: string }) =>
      `The target ${p.target} has the one value ${p.value} in the training rows: there is nothing to learn`,
    hint: () => 'Check `derive:` and the split, or choose another target_col.',
  },
  TARGET_MISSING: {
    exit: ExitCode.stepFailed,
    message: (p: { target: string; split: string }) =>
      `The target ${p.target} is missing in every row of the ${p.split} split`,
    hint: () => 'Check the column and how the data is split.',
  },
  TARGET_NOT_NUMERIC: {
    exit: ExitCode.stepFailed,
    message: (p: { target: string; type: string }) =>
      `The target ${p.target} is ${p.type}, but a regression predicts numbers`,
    hint: () => 'Use template: classification/v1, or another target_col.',
  },
  TARGET_CLASSES: {
    exit: ExitCode.stepFailed,
    message: (p: { target: string; problem: string }) => `The target ${p.target} ${p.problem}`,
    hint: () =>
      'A class needs at least two rows to learn from, and a binary target names its positive_class.',
  },
  TRANSFORM_WEIGHT_INVALID: {
    exit: ExitCode.stepFailed,
    message: (p: { column: string; rows: number; split: string }) =>
      `The weight ${p.column} is missing, negative, infinite or no number in ${p.rows} rows of the ${p.split} split`,
    hint: () => 'Fill it in with `derive:`; a weight of 0 leaves a row out.',
  },
  TRAIN_CLASS_WEIGHT: {
    exit: ExitCode.stepFailed,
    message: (p: { problem: string; classes: readonly string[] }) => `class_weight ${p.problem}`,
    hint: (p: { classes: readonly string[] }) =>
      p.classes.length === 0
        ? 'Leave class_weight out, or weigh rows with the weight_col of transform.'
        : `The classes are ${p.classes.slice(0, 30).join(', ')}.`,
  },
  TRANSFORM_NAME_TAKEN: {
    exit: ExitCode.stepFailed,
    message: (p: { column: string }) =>
      `The column ${p.column} has a name that the model gives to its answer`,
    hint: () => 'Rename the column with `derive:`, or leave it out with `drop:`.',
  },
  TRANSFORM_NO_FEATURES: {
    exit: ExitCode.stepFailed,
    message: () => 'No column is left to learn from',
    hint: () => 'Every column is constant, an identifier or dropped: check `drop:` and the data.',
  },
  CRITERIA_METRIC_UNKNOWN: {
    exit: ExitCode.stepFailed,
    message: (p: { metric: string; known: readonly string[] }) =>
      `validation_criteria name the metric ${p.metric}, which is not computed`,
    hint: (p: { known: readonly string[] }) => `Use one of ${p.known.join(', ')}.`,
  },
  MODEL_UNREADABLE: {
    exit: ExitCode.stepFailed,
    message: (p: { path: string; problem: string }) => `The model in ${p.path} cannot be used: ${p.problem}`,
    hint: () =>
      'Use a model that `train` wrote, or an ONNX graph that answers in the same columns: docs/errors/data.md has them.',
  },
  MODEL_OPERATOR_UNKNOWN: {
    exit: ExitCode.stepFailed,
    message: (p: { path: string; operator: string }) =>
      `The model in ${p.path} needs ${p.operator}, which Stockpot does not run itself`,
    hint: () => 'Install onnxruntime-node in the project: with it any ONNX graph is run.',
  },
  MODEL_TARGET_UNKNOWN: {
    exit: ExitCode.stepFailed,
    message: () => 'The model does not say which column it predicts',
    hint: () => 'Name the column with `target_col:` in the step.',
  },
} as const satisfies Record<string, Entry>;
