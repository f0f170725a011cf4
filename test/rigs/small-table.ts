/** Rows of every kind of column, with a target that the others tell. */
export const CSV = [
  'name,age,"odd, name",when,y',
  ...Array.from(
    { length: 400 },
    (_, n) =>
      `p${n % 7},${n % 50 === 3 ? '' : n % 50},${(n * 7) % 11},2024-0${1 + (n % 9)}-01,${(n * 7) % 11 > 5}`,
  ),
].join('\n');

/** All shipped components over `data.csv`. */
export const RECIPE = `template: classification/v1
target_col: y
steps:
  ingest: { location: ./data.csv }
  train: { max_iterations: 10, min_samples_leaf: 5 }
  evaluate: { validation_criteria: [{ metric: accuracy_score, against: baseline, min_absolute_change: 0.1 }] }
  register: { model_name: demo, alias: latest-good }
  predict: { uses: score, inputs: { model: train.model, data: split.test } }
  top: { uses: sql, inputs: { p: predict.predictions }, with: { sql: "SELECT predicted_label, count(*) AS n FROM p GROUP BY ALL ORDER BY ALL" } }
`;
