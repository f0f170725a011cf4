import type { Json } from '../core/json.ts';
import { MAX_DEPTH, problemOf } from './value-budget.ts';

/** What stands between `{{` and `}}`: a path or a literal, and filters. No code, no calls, no operators. */
export interface Expression {
  readonly subject:
    | { readonly kind: 'path'; readonly path: readonly string[] }
    | { readonly kind: 'literal'; readonly value: Json };
  readonly filters: readonly { readonly name: FilterName; readonly args: readonly Json[] }[];
}

const FILTERS = ['default', 'join', 'from_json'] as const;
export type FilterName = (typeof FILTERS)[number];

/** @throws ExpressionError with the offset in `text` that is not understood. */
export function parseExpression(text: string): Expression {
  const reader = new Reader(text);
  const subject = reader.subject();
  const filters: { name: FilterName; args: Json[] }[] = [];
  while (reader.take('|')) filters.push(reader.filter());
  reader.end();
  return { subject, filters };
}

export class ExpressionError extends Error {
  readonly offset: number;
  constructor(problem: string, offset: number) {
    super(problem);
    this.offset = offset;
  }
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  subject(): Expression['subject'] {
    const name = this.#match(/[A-Za-z_][\w-]*/y);
    if (name === undefined) return { kind: 'literal', value: this.#literal() };
    if (name === 'true' || name === 'false' || name === 'null')
      return { kind: 'literal', value: JSON.parse(name) as Json };
    const path = [name];
    while (this.take('.')) {
      const key = this.#match(/[A-Za-z_][\w-]*/y);
      if (key === undefined) throw this.#unexpected('a name after the dot');
      path.push(key);
    }
    return { kind: 'path', path };
  }

  filter(): { name: FilterName; args: Json[] } {
    this.#space();
    const start = this.#at;
    const name = this.#match(/[A-Za-z_]\w*/y);
    const known = FILTERS.find((filter) => filter === name);
    if (known === undefined) {
      this.#at = start;
      throw this.#unexpected(`one of the filters ${FILTERS.join(', ')}`);
    }
    const args: Json[] = [];
    if (this.take('(')) {
      while (!this.take(')')) {
        if (args.length > 0 && !this.take(',')) throw this.#unexpected('a comma or a closing parenthesis');
        args.push(this.#literal());
      }
    }
    return { name: known, args };
  }

  take(token: string): boolean {
    this.#space();
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw this.#unexpected('the end');
  }

  #literal(depth = 0): Json {
    this.#space();
    const c = this.#text.charAt(this.#at);
    if (c === '"' || c === "'") return this.#string(c);
    if (c === '[') {
      if (depth >= MAX_DEPTH) throw this.#unexpected(`no more than ${MAX_DEPTH} lists in each other`);
      return this.#list(depth + 1);
    }
    const number = this.#match(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y);
    if (number !== undefined) {
      const problem = problemOf(Number(number));
      if (problem !== undefined) throw new ExpressionError(`${number} ${problem}`, this.#at - number.length);
      return Number(number);
    }
    const word = this.#match(/true|false|null|True|False|None/y);
    if (word !== undefined) return /null|None/.test(word) ? null : /rue/.test(word);
    throw this.#unexpected('a name or a value');
  }

  #list(depth: number): Json[] {
    this.take('[');
    const items: Json[] = [];
    while (!this.take(']')) {
      if (items.length > 0 && !this.take(',')) throw this.#unexpected('a comma or a closing bracket');
      items.push(this.#literal(depth));
    }
    return items;
  }

  #string(quote: string): string {
    let text = '';
    for (let at = this.#at + 1; at < this.#text.length; at += 1) {
      const c = this.#text.charAt(at);
      if (c === quote) {
        this.#at = at + 1;
        return text;
      }
      if (c === '\\') at += 1;
      text += this.#text.charAt(at);
    }
    throw this.#unexpected('a closing quote');
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

  #unexpected(wanted: string): ExpressionError {
    const found = this.#text.slice(this.#at, this.#at + 20);
    return new ExpressionError(`${wanted} is expected, found ${found === '' ? 'the end' : found}`, this.#at);
  }
}
