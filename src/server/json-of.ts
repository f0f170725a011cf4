/** An answer that is JSON already. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** JSON as MLflow writes it: what is no number is a text. */
export function jsonOf(answer: object): string {
  if (answer instanceof JsonText) return answer.text;
  // To be asked about every value would take as long again as all else of a large answer.
  return JSON.stringify(answer, holdsNan(answer) ? textOfNan : undefined);
}

function textOfNan(_: string, value: unknown): unknown {
  return Number.isNaN(value) ? 'NaN' : value;
}

function holdsNan(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return Number.isNaN(value);
  return Object.values(value).some(holdsNan);
}
