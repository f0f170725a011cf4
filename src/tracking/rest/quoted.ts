/** A text as MLflow's filters take it; undefined for one that its grammar cannot write, with both quotes in it. */
export function quoted(text: string): string | undefined {
  if (!text.includes("'")) return `'${text}'`;
  return text.includes('"') ? undefined : `"${text}"`;
}
