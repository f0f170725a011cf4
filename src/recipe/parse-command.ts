import type { Json } from '../core/json.ts';
import type { Action, Text, TextPart } from '../core/plan.ts';
import { evaluateScalar, find, type Scope, soleExpression, textOf } from './evaluate.ts';
import { invalid } from './read-value.ts';
import { errorAt } from './source.ts';
import type { ExpressionPart, ScalarTree, Tree } from './tree.ts';

/**
 * `run:` as a list is argv. As text it is a shell script, in which an expression becomes a variable and
 * may stand only as a word of its own: no value is ever part of the script.
 */
export function parseCommand(tree: Tree, scope: Scope): Action {
  if (tree.kind === 'list') {
    const argv = tree.items.flatMap((item) => argvElement(item, scope));
    if (argv.length === 0) throw invalid(tree.span, 'run', 'is an empty list');
    return { kind: 'argv', argv };
  }
  if (tree.kind === 'map') throw invalid(tree.span, 'run', 'is neither a text nor a list');
  if (typeof tree.value !== 'string' || tree.value.trim() === '') throw invalid(tree.span, 'run', 'is empty');
  return script(tree, scope);
}

function argvElement(tree: Tree, scope: Scope): Text[] {
  if (tree.kind !== 'scalar') throw invalid(tree.span, 'an element of run', 'is neither a text nor a number');
  const only = soleExpression(tree);
  if (only !== undefined) {
    const found = find(only, scope);
    if (found.kind === 'value' && Array.isArray(found.value))
      return found.value.map((value) => elementText(value, tree));
  }
  return [joinText(textOf(tree, scope))];
}

function elementText(value: Json, tree: ScalarTree): string {
  if (typeof value === 'object' && value !== null)
    throw invalid(tree.span, 'an element of run', 'is a list of lists');
  return String(value ?? '');
}

/** Text without symbols is a plain string. */
export function joinText(parts: readonly TextPart[]): Text {
  if (parts.every((part) => typeof part === 'string')) return parts.join('');
  return parts.filter((part) => part !== '');
}

function script(tree: ScalarTree, scope: Scope): Action {
  const variables: Record<string, Text> = {};
  let text = '';
  const parts = tree.parts ?? [tree.value as string];
  parts.forEach((part, index) => {
    if (typeof part === 'string') {
      text += part;
      return;
    }
    checkWord(text, parts[index + 1], part);
    const name = `STOCKPOT_${Object.keys(variables).length}`;
    const found = find(part, scope);
    if (found.kind === 'value' && typeof found.value === 'object' && found.value !== null)
      throw invalid(part.span, `{{${part.text}}}`, 'is a list or a map: a shell script takes single values');
    variables[name] =
      found.kind === 'symbol'
        ? [found.part]
        : String(evaluateScalar({ ...tree, parts: [part] }, scope) ?? '');
    text += `"\${${name}}"`;
  });
  return { kind: 'bash', script: text, variables };
}

/** A word of its own has white space, or what ends a command, on both sides, and no open quote before it. */
function checkWord(before: string, after: string | ExpressionPart | undefined, part: ExpressionPart): void {
  const follows = typeof after === 'string' ? after.charAt(0) : after === undefined ? '' : '{';
  const leads = before.charAt(before.length - 1);
  const alone = (leads === '' || /[\s;&|(<>]/.test(leads)) && (follows === '' || /[\s;&|)<>]/.test(follows));
  if (!alone || isQuoted(before)) throw errorAt(part.span, 'SHELL_QUOTING', { expression: part.text });
}

/** Whether the text ends inside quotes, a comment, or a here-document. */
function isQuoted(text: string): boolean {
  let quote = '';
  for (let at = 0; at < text.length; at += 1) {
    const c = text.charAt(at);
    if (quote === '#') {
      if (c === '\n') quote = '';
    } else if (quote === "'") {
      if (c === "'") quote = '';
    } else if (c === '\\') at += 1;
    else if (quote === '"') {
      if (c === '"') quote = '';
    } else if (c === '"' || c === "'") quote = c;
    else if (c === '#' && (at === 0 || /\s/.test(text.charAt(at - 1)))) quote = '#';
    else if (c === '<' && text.startsWith('<<', at) && !text.startsWith('<<<', at)) return true;
  }
  return quote !== '';
}
