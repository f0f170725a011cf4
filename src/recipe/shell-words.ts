/**
 * Where in a bash script a value may stand. It becomes `"${STOCKPOT_n}"`, which bash takes as data, but in
 * arithmetic, in `[[ ]]`, in subscripts, and as an argument of builtins that read their arguments as code
 * or as names (`a[$(…)]` runs what is inside).
 */

/** Builtins that evaluate an argument again, or take it as a variable's name with a subscript. */
const EVALUATING = new Set([
  'eval',
  'let',
  'source',
  '.',
  'trap',
  'alias',
  'declare',
  'typeset',
  'local',
  'export',
  'readonly',
  'unset',
  'read',
  'mapfile',
  'readarray',
  'getopts',
  'wait',
  'bind',
  'complete',
  'compgen',
]);

/** Builtins that do so after this option only. */
const EVALUATING_AFTER: Readonly<Record<string, string>> = { printf: '-v', test: '-v', '[': '-v' };

/** Words after which a command begins, or which run the command that follows. */
const BEFORE_COMMAND = new Set([
  'if',
  'then',
  'else',
  'elif',
  'while',
  'until',
  'do',
  'time',
  '!',
  '{',
  'command',
  'builtin',
  'exec',
]);

type Frame =
  /** Words of simple commands; `closer` ends it. */
  | { readonly kind: 'command'; readonly closer: ')' | ''; words: string[]; word: string }
  | { readonly kind: 'double' | 'parameter' | 'test' | 'backquote' }
  | { readonly kind: 'arithmetic'; depth: number };

/**
 * Whether a word that bash takes as data may follow `before`, the script up to there. It may not inside
 * quotes, a comment, a here-document, arithmetic, `[[ ]]`, `${ }`, back quotes, nor after an evaluating builtin.
 */
export function mayStandAfter(before: string): boolean {
  const frames = framesOf(before);
  const top = frames?.at(-1);
  if (frames === undefined || top?.kind !== 'command') return false;
  if (frames.some(({ kind }) => kind === 'backquote' || kind === 'double' || kind === 'arithmetic'))
    return false;
  const words = commandOf(top.words);
  const [name = '', ...args] = words;
  if (EVALUATING.has(name)) return false;
  const option = EVALUATING_AFTER[name];
  return option === undefined || args.at(-1) !== option;
}

/** The words of a simple command from its name on. */
function commandOf(words: readonly string[]): readonly string[] {
  const start = words.findIndex((word) => !BEFORE_COMMAND.has(word) && !/^[A-Za-z_]\w*\+?=/.test(word));
  return start === -1 ? [] : words.slice(start);
}

/** What is open at the end of `text`; undefined inside single quotes, a comment or a here-document. */
function framesOf(text: string): Frame[] | undefined {
  const frames: Frame[] = [command('')];
  for (let at = 0; at < text.length; at += 1) {
    const top = frames.at(-1) ?? command('');
    const rest = text.slice(at, at + 3);
    const c = rest.charAt(0);
    if (c === '\\') {
      if (top.kind === 'command') top.word += rest.slice(0, 2);
      at += 1;
    } else if (c === "'" && top.kind !== 'double') {
      const end = text.indexOf("'", at + 1);
      if (end === -1) return undefined;
      if (top.kind === 'command') top.word += text.slice(at + 1, end);
      at = end;
    } else if (rest === '$((') {
      frames.push({ kind: 'arithmetic', depth: 0 });
      at += 2;
    } else if (rest.startsWith('$(')) {
      frames.push(command(')'));
      at += 1;
    } else if (rest.startsWith('${')) {
      frames.push({ kind: 'parameter' });
      at += 1;
    } else if (c === '`') {
      if (top.kind === 'backquote') frames.pop();
      else frames.push({ kind: 'backquote' });
    } else if (c === '"') {
      if (top.kind === 'double') frames.pop();
      else frames.push({ kind: 'double' });
    } else if (top.kind === 'command') {
      if (c === '#' && top.word === '') {
        const end = text.indexOf('\n', at);
        if (end === -1) return undefined;
        at = end - 1;
      } else if (rest.startsWith('<<') && rest !== '<<<') return undefined;
      else at += inCommand(frames, top, rest);
    } else if (top.kind === 'parameter') {
      if (c === '}') frames.pop();
    } else if (top.kind === 'test') {
      if (rest.startsWith(']]')) {
        frames.pop();
        at += 1;
      }
    } else if (top.kind === 'arithmetic') {
      if (c === '(') top.depth += 1;
      else if (c === ')' && top.depth > 0) top.depth -= 1;
      else if (rest.startsWith('))')) {
        frames.pop();
        at += 1;
      }
    }
  }
  const top = frames.at(-1);
  if (top?.kind === 'command') endWord(top);
  return frames;
}

/** Takes one character of a command; gives how many more it took. */
function inCommand(frames: Frame[], top: Frame & { kind: 'command' }, rest: string): number {
  const c = rest.charAt(0);
  if (rest.startsWith('((') && top.word === '') {
    frames.push({ kind: 'arithmetic', depth: 0 });
    return 1;
  }
  if (rest.startsWith('[[') && top.word === '' && /^(?:\s|$)/.test(rest.slice(2))) {
    frames.push({ kind: 'test' });
    return 1;
  }
  if (c === '(') frames.push(command(')'));
  else if (c === ')' && top.closer === ')') frames.pop();
  else if (/[\n;&|)]/.test(c)) {
    top.word = '';
    top.words = [];
  } else if (/[\s<>]/.test(c)) endWord(top);
  else top.word += c;
  return 0;
}

function endWord(frame: Frame & { kind: 'command' }): void {
  if (frame.word !== '') frame.words.push(frame.word);
  frame.word = '';
}

function command(closer: ')' | ''): Frame & { kind: 'command' } {
  return { kind: 'command', closer, words: [], word: '' };
}
