import type { Json } from '../core/json.ts';
import type { Action, Text, TextPart } from '../core/plan.ts';
import { evaluateScalar, find, type Scope, soleExpression, textOf } from './evaluate.ts';
import { invalid } from './read-value.ts';
import { ShellWords } from './shell-words.ts';
import { errorAt } from './source.ts';
import type { ExpressionPart, ScalarTree, Tree } from './tree.ts';

/** Bytes of one argument or variable on Linux, its end not counted. */
const MAX_ARGUMENT = 128 * 1024 - 1;

/**
 * `run:` as a list is argv. As text it is a shell script, in which an expression becomes a variable and
 * may stand only as a word of its own: no value is ever part of the script.
 */
export function parseCommand(tree: Tree, scope: Scope): Action {
  if (tree.kind === 'list') {
    const argv = tree.items.flatMap((item) => {
      const elements = argvElement(item, scope);
      for (const element of elements) checkArgument(element, item, 'an element of run');
      return elements;
    });
    if (argv.length === 0) throw invalid(tree.span, 'run', 'is an empty list');
    return { kind: 'argv', argv };
  }
  if (tree.kind === 'map' || (typeof tree.value !== 'string' && tree.value !== null))
    throw invalid(tree.span, 'run', 'is neither a text nor a list');
  if (tree.value === null || tree.value.trim() === '') throw invalid(tree.span, 'run', 'is empty');
  return script(tree, scope);
}

function argvElement(tree: Tree, scope: Scope): Text[] {
  if (tree.kind !== 'scalar' || (tree.value === null && tree.parts === undefined))
    throw invalid(tree.span, 'an element of run', 'is neither a text nor a number');
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
  const words = new ShellWords();
  let text = '';
  let fed = 0;
  const parts = tree.parts ?? [tree.value as string];
  parts.forEach((part, index) => {
    if (typeof part === 'string') {
      text += part;
      return;
    }
    words.feed(text.slice(fed));
    fed = text.length;
    if (!words.mayBeginWord() || !endsWord(parts[index + 1]))
      throw errorAt(part.span, 'SHELL_QUOTING', { expression: part.text });
    words.value();
    const name = `STOCKPOT_${Object.keys(variables).length}`;
    const found = find(part, scope);
    if (found.kind === 'value' && typeof found.value === 'object' && found.value !== null)
      throw invalid(part.span, `{{${part.text}}}`, 'is a list or a map: a shell script takes single values');
    const value: Text =
      found.kind === 'symbol'
        ? [found.part]
        : String(evaluateScalar({ ...tree, parts: [part] }, scope) ?? '');
    checkArgument(value, tree, `{{${part.text}}}`);
    variables[name] = value;
    text += `"\${${name}}"`;
    fed = text.length;
  });
  checkArgument(text, tree, 'run');
  return { kind: 'bash', script: text, variables };
}

/** White space, or what ends a command or word, follows. */
function endsWord(after: string | ExpressionPart | undefined): boolean {
  return after === undefined || (typeof after === 'string' && (after === '' || /^[\s;&|)<>]/.test(after)));
}

/** What a system passes to a program: no NUL, and not more than Linux allows in one piece. */
export function checkArgument(text: Text, tree: Tree, what: string): void {
  for (const part of typeof text === 'string' ? [text] : text) {
    if (typeof part !== 'string') continue;
    if (part.includes('\0')) throw invalid(tree.span, what, 'holds a NUL, which no program takes');
    if (Buffer.byteLength(part) > MAX_ARGUMENT)
      throw invalid(tree.span, what, 'is longer than 128 KiB, which no program takes: put it into a file');
  }
}
