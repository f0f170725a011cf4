import { RecipeError } from '../core/recipe-error.ts';

/** One comparison of MLflow's filter language (its `search_runs`): only AND, no OR, no parentheses. */
export interface Comparison {
  readonly entity: 'metric' | 'param' | 'tag' | 'attribute';
  readonly key: string;
  readonly operator: '=' | '!=' | '>' | '>=' | '<' | '<=' | 'LIKE' | 'ILIKE' | 'IN' | 'NOT IN';
  readonly value: string | number | readonly string[];
}

const ENTITIES: Readonly<Record<string, Comparison['entity']>> = {
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
};

/** @throws RecipeError FILTER_INVALID with the column */
export function parseFilter(filter: string): Comparison[] {
  const reader = new FilterReader(filter);
  const comparisons = [reader.comparison()];
  while (reader.word('AND')) comparisons.push(reader.comparison());
  reader.end();
  return comparisons;
}

class FilterReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  comparison(): Comparison {
    const { entity, key } = this.#identifier();
    const operator = this.#operator();
    if (operator === 'IN' || operator === 'NOT IN') return { entity, key, operator, value: this.#list() };
    const value =
      entity === 'metric' || (entity === 'attribute' && key.endsWith('_time'))
        ? this.#number()
        : this.#string();
    return { entity, key, operator, value };
  }

  word(word: string): boolean {
    return this.#match(new RegExp(`${word}\\b`, 'iy')) !== undefined;
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw this.#error('AND or the end is expected');
  }

  /** A bare key is an attribute; a key may hold dots, and is quoted if it holds anything else. */
  #identifier(): { entity: Comparison['entity']; key: string } {
    const first = this.#match(/[A-Za-z_]\w*/y) ?? this.#quoted();
    if (first === undefined) throw this.#error('a name is expected');
    if (this.#match(/\./y) === undefined) return { entity: 'attribute', key: first };
    const entity = ENTITIES[first.toLowerCase()];
    if (entity === undefined)
      throw this.#error(`one of metrics, params, tags, attributes is expected, found ${first}`);
    const key = this.#quoted() ?? this.#match(/[\w./-]+/y);
    if (key === undefined) throw this.#error('a key is expected');
    return { entity, key };
  }

  #operator(): Comparison['operator'] {
    const found = this.#match(/!=|>=|<=|=|>|<|LIKE\b|ILIKE\b|NOT\s+IN\b|IN\b/iy);
    if (found === undefined) throw this.#error('an operator is expected');
    return found.toUpperCase().replace(/\s+/, ' ') as Comparison['operator'];
  }

  #number(): number {
    const found = this.#match(/[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/y);
    if (found === undefined) throw this.#error('a number is expected');
    return Number(found);
  }

  #string(): string {
    const found = this.#match(/'(?:[^'])*'|"(?:[^"])*"/y);
    if (found === undefined) throw this.#error('a text in quotes is expected');
    return found.slice(1, -1);
  }

  #list(): string[] {
    if (this.#match(/\(/y) === undefined) throw this.#error('( is expected');
    const values = [this.#string()];
    while (this.#match(/,/y) !== undefined) values.push(this.#string());
    if (this.#match(/\)/y) === undefined) throw this.#error(') is expected');
    return values;
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

  #error(problem: string): RecipeError {
    return new RecipeError('FILTER_INVALID', { filter: this.#text, problem, column: this.#at + 1 });
  }
}
