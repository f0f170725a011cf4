/** A graph that Stockpot does not run itself: it needs an operator, or a form of one, that we do not write. */
export class GraphUnsupported extends Error {
  /** As ONNX names it, with what is special about it in brackets. */
  readonly operator: string;

  constructor(operator: string, detail?: string) {
    const named = detail === undefined ? operator : `${operator} (${detail})`;
    super(`the operator ${named}`);
    this.operator = named;
  }
}
