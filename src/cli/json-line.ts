/** One line of JSON. Numbers that JSON lacks are the texts that MLflow's are: "NaN", "Infinity". */
export function jsonLine(value: unknown): string {
  const text = JSON.stringify(value, (_, one: unknown) =>
    typeof one === 'number' && !Number.isFinite(one) ? String(one) : one,
  );
  return `${text}\n`;
}
