import { RecipeError } from '../core/recipe-error.ts';

export type Entity =
  | 'metric'
  | 'param'
  | 'tag'
  | 'attribute'
  | 'dataset'
  | 'metadata'
  | 'feedback'
  | 'expectation'
  | 'issue'
  | 'span';

/** A key of a run, and where it was written (counts from 1). */
export interface Identifier {
  readonly entity: Entity;
  readonly key: string;
  readonly column: number;
}

const ENTITIES: Readonly<Record<string, Entity>> = {
  metrics: 'metric',
  metric: 'metric',
  params: 'param',
  param: 'param',
  parameters: 'param',
  parameter: 'param',
  tags: 'tag',
  tag: 'tag',
  attributes: 'attribute',
  attribute: 'attribute',
  attr: 'attribute',
  run: 'attribute',
  datasets: 'dataset',
  dataset: 'dataset',
  // Of traces.
  metadata: 'metadata',
  request_metadata: 'metadata',
  trace_metadata: 'metadata',
  trace: 'attribute',
  feedback: 'feedback',
  expectation: 'expectation',
  issue: 'issue',
  span: 'span',
};

/** Reads MLflow's filters and orders, a word at a time. What it cannot read it names with the column. */
export class FilterReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Whether a keyword or sign comes next; it is then read. */
  accept(pattern: RegExp): boolean {
    return this.#match(pattern) !== undefined;
  }

  get isAtEnd(): boolean {
    this.#space();
    return this.#at >= this.#text.length;
  }

  /** A bare key is an attribute; a key may hold dots, and stands in backticks or quotes if it holds anything else. */
  identifier(): Identifier {
    this.#space();
    const column = this.#at + 1;
    const first = this.#match(/[A-Za-z_]\w*/y) ?? this.#quoted();
    if (first === undefined) throw this.error('a name is expected');
    if (this.#match(/\./y) === undefined) return { entity: 'attribute', key: first, column };
    const entity = Object.hasOwn(ENTITIES, first.toLowerCase()) ? ENTITIES[first.toLowerCase()] : undefined;
    if (entity === undefined)
      throw this.error(
        `one of metrics, params, tags, attributes, datasets is expected, found ${first}`,
        column,
      );
    this.#space();
    const keyColumn = this.#at + 1;
    const prefix = entity === 'span' ? (this.#match(/attributes\.(?=[`"'])/y) ?? '') : '';
    const key = this.#quoted() ?? this.#match(/'[^']*'/y)?.slice(1, -1) ?? this.#match(/[\p{L}\p{N}_./-]+/uy);
    if (key === undefined) throw this.error('a key is expected');
    return { entity, key: `${prefix}${key}`, column: keyColumn };
  }

  /** The operator in upper case with single spaces. */
  operator(): string {
    const found = this.#match(
      /!=|<>|>=|<=|=|>|<|LIKE\b|ILIKE\b|NOT\s+IN\b|IN\b|IS\s+NOT\s+NULL\b|IS\s+NULL\b/iy,
    );
    if (found === undefined) throw this.error('an operator is expected');
    return found.toUpperCase().replaceAll(/\s+/g, ' ');
  }

  /** A whole number beyond 2^53 would be compared as another. */
  number({ mayBeQuoted }: { readonly mayBeQuoted: boolean }): number {
    const { column } = this;
    const quote = mayBeQuoted ? this.#match(/['"](?=[-+.\d])/y) : undefined;
    const found = this.#match(/[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])/y);
    if (found === undefined || (quote !== undefined && this.#match(/['"]/y) !== quote))
      throw this.error('a number is expected', column);
    const number = Number(found);
    if (/^[-+]?\d+$/.test(found) && !Number.isSafeInteger(number))
      throw this.error('a whole number is at most 2^53 - 1', column);
    if (!Number.isFinite(number)) throw this.error('the number is too large', column);
    return number;
  }

  /** In single or double quotes; the quote itself is written twice. */
  string(): string {
    const found = this.#match(/'(?:[^']|'')*'|"(?:[^"]|"")*"/y);
    if (found === undefined) throw this.error('a text in quotes is expected');
    const [quote = ''] = found;
    return found.slice(1, -1).replaceAll(quote + quote, quote);
  }

  /** A comma may be the last of it: so Python writes a tuple of one. */
  list(): string[] {
    if (!this.accept(/\(/y)) throw this.error('( is expected');
    const values = [this.string()];
    while (this.accept(/,/y)) {
      if (this.accept(/\)/y)) return values;
      values.push(this.string());
    }
    if (!this.accept(/\)/y)) throw this.error(') is expected');
    return values;
  }

  error(problem: string, column = this.#at + 1): RecipeError {
    return new RecipeError('FILTER_INVALID', { filter: this.#text, problem, column });
  }

  get column(): number {
    this.#space();
    return this.#at + 1;
  }

  #quoted(): string | undefined {
    return this.#match(/`[^`]*`|"[^"]*"/y)?.slice(1, -1);
  }

  #match(pattern: RegExp): string | undefined {
    this.#space();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #space(): void {
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at += 1;
  }
}
