import { errorAt, type Source } from './source.ts';
import { MAX_DEPTH } from './value-budget.ts';

/** A `{{ … }}` of a source: where it stands, and the text between the braces. */
export interface Masked {
  readonly start: number;
  readonly end: number;
  readonly expression: string;
}

/**
 * Private-use characters stand for expressions while YAML is parsed: OPEN, two digits in base 2048, then
 * FILL up to the length of what was there. So every position in the parsed tree is that of the file.
 */
const OPEN = '\uE000';
const FILL = '\uE001';
const DIGIT = 0xe100;
const BASE = 2048;

export const PLACEHOLDER = /\uE000([\uE100-\uE8FF])([\uE100-\uE8FF])\uE001*/g;

/**
 * Replaces every expression by a placeholder of the same length. A text that holds characters of the
 * placeholders already is refused, so that nobody can forge one.
 *
 * @throws RecipeError EXPRESSION_INVALID where braces do not close on their line.
 */
export function maskExpressions(source: Source): { text: string; expressions: Masked[] } {
  const { text } = source;
  const forged = /[\uE000-\uE8FF]/.exec(text);
  if (forged !== null)
    throw errorAt({ source, start: forged.index, end: forged.index + 1 }, 'YAML_INVALID', {
      file: source.file,
      problem: 'a private-use character',
    });
  const expressions: Masked[] = [];
  let masked = '';
  let from = 0;
  let [openLine, openEnd] = [0, 0];
  for (let at = text.indexOf('{{'); at !== -1; at = text.indexOf('{{', from)) {
    const end = endOfExpression(text, at + 2);
    if (end === undefined) {
      // Nested flow maps may start so: what does not close is left to YAML, unless it is meant as ours.
      if (/^\{\{\s*['"A-Za-z_]/.test(text.slice(at, at + 40)) && !/^\{\{[^}\n]*:/.test(text.slice(at)))
        throw errorAt({ source, start: at, end: at + 2 }, 'EXPRESSION_INVALID', {
          expression: text.slice(at + 2, at + 40).split('\n')[0] ?? '',
          problem: 'its braces do not close on this line',
        });
      // Each of these was looked for to the end of its line.
      openLine = text.indexOf('\n', at) === openEnd ? openLine + 1 : 1;
      openEnd = text.indexOf('\n', at);
      if (openLine > MAX_DEPTH)
        throw errorAt({ source, start: at, end: at + 2 }, 'YAML_INVALID', {
          file: source.file,
          problem: `nested deeper than ${MAX_DEPTH} levels`,
        });
      masked += text.slice(from, at + 2);
      from = at + 2;
      continue;
    }
    masked += text.slice(from, at) + placeholder(expressions.length, end - at);
    expressions.push({ start: at, end, expression: text.slice(at + 2, end - 2) });
    from = end;
  }
  return { text: masked + text.slice(from), expressions };
}

/** Index of the expression that a match of `PLACEHOLDER` stands for. */
export function indexOfPlaceholder(high: string, low: string): number {
  return (high.charCodeAt(0) - DIGIT) * BASE + (low.charCodeAt(0) - DIGIT);
}

function placeholder(index: number, length: number): string {
  const digits = String.fromCharCode(DIGIT + Math.floor(index / BASE), DIGIT + (index % BASE));
  return OPEN + digits + FILL.repeat(length - 3);
}

/** Offset after the closing braces; quotes and brackets inside are whole. Undefined if the line ends first. */
function endOfExpression(text: string, start: number): number | undefined {
  let depth = 0;
  let quote = '';
  for (let at = start; at < text.length; at += 1) {
    const c = text.charAt(at);
    if (c === '\n') return undefined;
    if (quote !== '') {
      if (c === '\\') at += 1;
      else if (c === quote) quote = '';
    } else if (c === '"' || c === "'") quote = c;
    else if (depth === 0 && c === '}' && text.charAt(at + 1) === '}') return at + 2;
    else if (c === '[' || c === '(' || c === '{') depth += 1;
    else if (c === ']' || c === ')' || c === '}') depth -= 1;
  }
  return undefined;
}
