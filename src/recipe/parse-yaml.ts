import { Composer, type Document, isAlias, isMap, isScalar, isSeq, type Node, Parser } from 'yaml';
import { indexOfPlaceholder, type Masked, maskExpressions, PLACEHOLDER } from './mask.ts';
import { errorAt, MAX_SOURCE_BYTES, type Source, type Span } from './source.ts';
import type { Entry, ExpressionPart, ScalarTree, Tree } from './tree.ts';
import { MAX_DEPTH } from './value-budget.ts';

/**
 * Parses one YAML 1.2 document of the core schema into a tree with positions. Tags, aliases, several
 * documents, duplicate keys and keys that are no text are refused.
 *
 * @throws RecipeError YAML_INVALID, EXPRESSION_INVALID, FILE_TOO_LARGE
 */
export function parseYaml(source: Source): Tree | undefined {
  if (Buffer.byteLength(source.text) > MAX_SOURCE_BYTES)
    throw errorAt({ source, start: 0, end: 1 }, 'FILE_TOO_LARGE', { file: source.file, limit: '16 MiB' });
  checkText(source);
  const { text, expressions } = maskExpressions(source);
  const document = compose(text, source);
  return document.contents === null
    ? undefined
    : new Converter(source, expressions).convert(document.contents, 0);
}

function checkText(source: Source): void {
  // oxlint-disable-next-line no-control-regex
  const bad = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufeff\ufffd]/.exec(source.text);
  if (bad === null || (bad.index === 0 && bad[0] === '\ufeff')) return;
  const problem = bad[0] === '\ufffd' ? 'bytes that are no UTF-8' : 'a control character';
  throw errorAt({ source, start: bad.index, end: bad.index + 1 }, 'YAML_INVALID', {
    file: source.file,
    problem,
  });
}

function compose(text: string, source: Source): Document {
  const invalid = (problem: string, start: number, end = start + 1): Error =>
    errorAt({ source, start, end }, 'YAML_INVALID', { file: source.file, problem });
  checkDepth(text, (start) => invalid(`nested deeper than ${MAX_DEPTH} levels`, start));
  try {
    const composer = new Composer({
      version: '1.2',
      schema: 'core',
      merge: false,
      // The converter looks for them: here each key would be compared with every one before it.
      uniqueKeys: false,
      prettyErrors: false,
    });
    const documents = [...composer.compose(new Parser().parse(text), true, text.length)];
    const [document, second] = documents;
    if (document === undefined) throw invalid('no document', 0);
    if (second !== undefined) throw invalid('a second document', second.range[0]);
    const [error] = [...document.errors, ...document.warnings];
    if (error !== undefined) throw invalid(problemOf(error.message), error.pos[0], error.pos[1]);
    return document;
  } catch (error) {
    if (error instanceof RangeError) throw invalid(TOO_DEEP, 0);
    throw error;
  }
}

const TOO_DEEP = `nested deeper than ${MAX_DEPTH} levels`;

/** The parser reports that its stack is exhausted like any other mistake. */
function problemOf(message: string): string {
  return message.includes('call stack') ? TOO_DEEP : (message.split('\n')[0] ?? '');
}

/**
 * The parser is recursive: brackets that would exhaust the stack are counted before it sees them. A line
 * that starts with a key begins anew, as brackets in text need not close.
 */
function checkDepth(text: string, error: (start: number) => Error): void {
  let depth = 0;
  let start = 0;
  for (const line of text.split('\n')) {
    if (/^\s*[A-Za-z_][\w-]*:(?:\s|$)/.test(line)) depth = 0;
    for (const bracket of line.matchAll(/[[\]{}]/g)) {
      depth += bracket[0] === '[' || bracket[0] === '{' ? 1 : -1;
      if (depth > MAX_DEPTH) throw error(start + bracket.index);
    }
    start += line.length + 1;
  }
}

class Converter {
  readonly #source: Source;
  readonly #expressions: readonly Masked[];

  constructor(source: Source, expressions: readonly Masked[]) {
    this.#source = source;
    this.#expressions = expressions;
  }

  convert(node: unknown, depth: number): Tree {
    const span = this.#span(node as Node | null);
    if (depth > MAX_DEPTH) throw this.#invalid(span, `nested deeper than ${MAX_DEPTH} levels`);
    if (node === null) return { kind: 'scalar', value: null, written: '', span };
    if (isAlias(node)) throw this.#invalid(span, 'an alias (*name): write the value where it is used');
    if (isMap(node)) {
      const entries = new Map<string, Entry>();
      for (const pair of node.items) {
        const key = this.#span(pair.key as Node);
        const name = isScalar(pair.key) ? (pair.key.source ?? String(pair.key.value)) : undefined;
        if (name === undefined) throw this.#invalid(key, 'a key that is no text');
        if (/\uE000/.test(name)) throw this.#invalid(key, 'an expression in a key');
        this.#checkText(pair.key as Node, key);
        const text = isScalar(pair.key) ? String(pair.key.value ?? '') : name;
        if (entries.has(text)) throw this.#invalid(key, `the key ${name} twice`);
        const value =
          pair.value === null
            ? ({ kind: 'scalar', value: null, written: '', span: { ...key, start: key.end } } as ScalarTree)
            : this.convert(pair.value, depth + 1);
        entries.set(text, { key, value });
      }
      return { kind: 'map', entries, span };
    }
    if (isSeq(node))
      return { kind: 'list', items: node.items.map((item) => this.convert(item, depth + 1)), span };
    this.#checkText(node as Node, span);
    if (isScalar(node)) return this.#scalar(node.value, node.source ?? '', node.type !== 'PLAIN', span);
    throw this.#invalid(span, 'something that is neither map, list nor value');
  }

  #scalar(value: unknown, written: string, quoted: boolean, span: Span): ScalarTree {
    if (typeof value === 'string' && value.includes('\uE000')) {
      const parts = this.#parts(value);
      return { kind: 'scalar', value, written: value, parts, span };
    }
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) throw this.#invalid(span, `the number ${written}, which JSON cannot hold`);
      if (Number.isInteger(value) && !Number.isSafeInteger(value))
        throw this.#invalid(span, `the integer ${written}, which is not exact: quote it`);
      return { kind: 'scalar', value, written, span };
    }
    if (typeof value === 'boolean' || value === null) return { kind: 'scalar', value, written, span };
    if (typeof value !== 'string') throw this.#invalid(span, `the value ${written}`);
    return { kind: 'scalar', value, written: quoted ? value : written, span };
  }

  /** What only an escape can write: half a character, and characters that stand for expressions here. */
  #checkText(node: Node, span: Span): void {
    if (!isScalar(node) || typeof node.value !== 'string') return;
    if (!node.value.isWellFormed()) throw this.#invalid(span, 'half a character');
    if (node.type !== 'QUOTE_DOUBLE' || !/[\uE000-\uE8FF]/.test(node.value)) return;
    const written = this.#source.text.slice(span.start, span.end);
    if (/\\(?:u|U0000)e[0-8]/i.test(written)) throw this.#invalid(span, 'a private-use character');
  }

  #parts(text: string): (string | ExpressionPart)[] {
    const parts: (string | ExpressionPart)[] = [];
    let from = 0;
    for (const match of text.matchAll(PLACEHOLDER)) {
      const [whole, high = '', low = ''] = match;
      const masked = this.#expressions[indexOfPlaceholder(high, low)];
      if (masked === undefined) continue;
      if (match.index > from) parts.push(text.slice(from, match.index));
      const span = { source: this.#source, start: masked.start, end: masked.end };
      parts.push({ text: masked.expression, span });
      from = match.index + whole.length;
    }
    if (from < text.length) parts.push(text.slice(from));
    return parts;
  }

  #span(node: Node | null): Span {
    const [start, end] = node?.range ?? [0, 0];
    return { source: this.#source, start, end };
  }

  #invalid(span: Span, problem: string): Error {
    return errorAt(span, 'YAML_INVALID', { file: this.#source.file, problem });
  }
}
