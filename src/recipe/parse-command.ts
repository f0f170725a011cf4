import type { Json } from '../core/json.ts';
import type { Action, Text, TextPart } from '../core/plan.ts';
import { evaluateScalar, find, type Scope, soleExpression, textOf } from './evaluate.ts';
import { invalid } from './read-value.ts';
import { mayStandAfter } from './shell-words.ts';
import { errorAt, type Span } from './source.ts';
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
  if (tree.kind === 'map' || (typeof tree.value !== 'string' && tree.value !== null))
    throw invalid(tree.span, 'run', 'is neither a text nor a list');
  if (tree.value === null || tree.value.trim() === '') throw invalid(tree.span, 'run', 'is empty');
  return script(tree, scope);
}

/** Programs are given texts that end at the first NUL. */
export function withoutNul(text: Text, span: Span, what: string): Text {
  const pieces = typeof text === 'string' ? [text] : text;
  if (pieces.some((piece) => typeof piece === 'string' && piece.includes('\0')))
    throw invalid(span, what, 'holds a NUL character, which no program can be given');
  return text;
}

function argvElement(tree: Tree, scope: Scope): Text[] {
  if (tree.kind !== 'scalar' || (tree.value === null && tree.parts === undefined))
    throw invalid(tree.span, 'an element of run', 'is neither a text nor a number');
  const only = soleExpression(tree);
  if (only !== undefined) {
    const found = find(only, scope);
    if (found.kind === 'value' && Array.isArray(found.value))
      return found.value.map((value) => withoutNul(elementText(value, tree), tree.span, 'an element of run'));
  }
  return [withoutNul(joinText(textOf(tree, scope)), tree.span, 'an element of run')];
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
  for (const value of [text, ...Object.values(variables)]) withoutNul(value, tree.span, 'run');
  return { kind: 'bash', script: text, variables };
}

/** A word of its own has white space, or what ends a command, on both sides. */
function checkWord(before: string, after: string | ExpressionPart | undefined, part: ExpressionPart): void {
  const follows = typeof after === 'string' ? after.charAt(0) : after === undefined ? '' : '{';
  const leads = before.charAt(before.length - 1);
  const alone = (leads === '' || /[\s;&|(<>]/.test(leads)) && (follows === '' || /[\s;&|)<>]/.test(follows));
  if (!alone || !mayStandAfter(before)) throw errorAt(part.span, 'SHELL_QUOTING', { expression: part.text });
}
