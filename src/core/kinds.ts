/**
 * What an output is, and so what its contract checks: `file` and `directory` must exist; a `table` is
 * a Parquet file; a `model` is an MLflow model directory; `metrics` a JSON map of names to numbers;
 * a `value` any JSON document.
 */
export const OUTPUT_KINDS = ['file', 'directory', 'table', 'model', 'metrics', 'value'] as const;
export type OutputKind = (typeof OUTPUT_KINDS)[number];

export function isOutputKind(text: string): text is OutputKind {
  return (OUTPUT_KINDS as readonly string[]).includes(text);
}

/** Whether an output of this kind is a folder. */
export function isTree(kind: OutputKind): boolean {
  return kind === 'directory' || kind === 'model';
}
