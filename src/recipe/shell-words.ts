/** Where the text stands: bash reads what is in each by rules of its own. */
type Place =
  /** Where commands stand: at the top, in `( … )` and in `$( … )`. */
  | 'commands'
  | 'single'
  | 'ansi'
  | 'double'
  | 'backquote'
  | 'comment'
  /** `$(( … ))`, `(( … ))`, `$[ … ]`, `a[ … ]`: read as arithmetic, which runs `$(…)` inside of values. */
  | 'arithmetic'
  | 'subscript'
  /** `${ … }` */
  | 'parameter'
  /** `[[ … ]]` */
  | 'conditional'
  /** `a=( … )` */
  | 'array'
  /** After `<<`, or where this reader cannot follow: nothing may stand there any more. */
  | 'unknown';

/** They read their arguments as code, as arithmetic or as names of variables, in which a subscript is code. */
const EVALUATING = new Set(
  'eval let declare typeset local export readonly unset read mapfile readarray getopts trap alias wait'.split(
    ' ',
  ),
);
/** Words before the command's own. */
const PREFIXES = new Set(
  '! if then elif else while until do time coproc { command builtin exec env nohup'.split(' '),
);
const OPERATORS = ';&|\n';

/**
 * Follows a bash script as far as it takes to say where a value may stand: as a whole unquoted word of a
 * simple command. What it does not follow, it refuses.
 */
export class ShellWords {
  readonly #places: Place[] = ['commands'];
  /** The word being read, without its quotes; undefined between words. */
  #word: string | undefined;
  /** The words of the command being read. `undefined` stands for a value. */
  #words: (string | undefined)[] = [];
  /** The commands around the one being read, while it stands in brackets. */
  readonly #outer: { readonly word: string | undefined; readonly words: (string | undefined)[] }[] = [];

  /** Reads on. */
  feed(text: string): void {
    for (let at = 0; at < text.length; ) at += this.#step(text, at);
  }

  /** Whether a value may begin here, if white space or the end of the command follows. */
  mayBeginWord(): boolean {
    return (
      this.#word === undefined &&
      this.#places.every((place) => place === 'commands' || place === 'array') &&
      !this.#isEvaluated()
    );
  }

  /** A value stands here. */
  value(): void {
    this.#words.push(undefined);
  }

  #isEvaluated(): boolean {
    const own = this.#words.findIndex(
      (word) => word === undefined || !(PREFIXES.has(word) || /^\w+\+?=/.test(word)),
    );
    const command = this.#words[own];
    if (own === -1 || command === undefined) return false;
    const before = this.#words.slice(own + 1);
    if (EVALUATING.has(command)) return true;
    // `-v NAME` looks at a variable, and so may a value that says -v.
    if (command === 'test' || command === '[') {
      const last = before.at(-1);
      return before.length > 0 && (last === undefined || last === '-v' || last === '-R');
    }
    if (command === 'printf') return !before.some((word) => word !== undefined && !word.startsWith('-'));
    return false;
  }

  /** Reads one piece at `at`; gives its length. */
  #step(text: string, at: number): number {
    const place = this.#places.at(-1) ?? 'unknown';
    const c = text.charAt(at);
    switch (place) {
      case 'unknown':
        return text.length - at;
      case 'comment':
        if (c === '\n') this.#leave();
        return c === '\n' ? 0 : 1;
      case 'single':
        if (c === "'") this.#leave();
        else this.#append(c);
        return 1;
      case 'ansi':
        if (c === "'") this.#leave();
        return c === '\\' ? 2 : 1;
      case 'double':
        if (c === '"') this.#leave();
        else if (c === '\\') this.#append(text.charAt(at + 1));
        else return this.#expansion(text, at) ?? this.#plain(c);
        return c === '\\' ? 2 : 1;
      case 'backquote':
        if (c === '`') this.#leave();
        return c === '\\' ? 2 : 1;
      case 'commands':
      case 'array':
        return this.#command(text, at);
      default:
        return this.#nested(text, at, place);
    }
  }

  #command(text: string, at: number): number {
    const c = text.charAt(at);
    if (c === '\\') {
      if (text.charAt(at + 1) !== '\n') this.#append(text.charAt(at + 1));
      return 2;
    }
    const length = this.#quote(text, at) ?? this.#expansion(text, at);
    if (length !== undefined) return length;
    if (c === '#' && this.#word === undefined) return this.#enter('comment', 1);
    if (text.startsWith('<<', at) && !text.startsWith('<<<', at)) return this.#enter('unknown', 2);
    if (text.startsWith('<<<', at)) return this.#endWord(3);
    // `a[ … ]=` and, between the brackets of an array, `[ … ]=`.
    if (c === '[' && (this.#word === undefined ? this.#places.at(-1) === 'array' : /^\w+$/.test(this.#word)))
      return this.#enterWord('subscript', 1);
    if (c === '(') {
      if (this.#word?.endsWith('=') === true) return this.#enterBrackets('array', 1);
      this.#endCommand();
      if (text.charAt(at + 1) !== '(') return this.#enterBrackets('commands', 1);
      this.#places.push('arithmetic', 'arithmetic');
      return 2;
    }
    if (c === ')') return this.#leaveBrackets();
    if (OPERATORS.includes(c)) {
      this.#endCommand();
      return 1;
    }
    if (/[\s<>]/.test(c)) return this.#endWord(1);
    return this.#plain(c);
  }

  /** Inside of arithmetic, `${ … }` or `[[ … ]]`: only where it ends is of interest. */
  #nested(text: string, at: number, place: Place): number {
    const c = text.charAt(at);
    if (c === '\\') return 2;
    // Within double quotes an apostrophe in `${ … }` is one.
    const isText = c === "'" && this.#places.includes('double');
    const length = (isText ? undefined : this.#quote(text, at)) ?? this.#expansion(text, at);
    if (length !== undefined) return length;
    if (place === 'conditional') {
      if (!/^\s\]\](?:[\s;&|)]|$)/.test(text.slice(at, at + 4))) return 1;
      this.#leave();
      this.#word = undefined;
      return 3;
    }
    const [opens, closes] =
      place === 'parameter' ? ['{', '}'] : place === 'subscript' ? ['[', ']'] : ['(', ')'];
    if (c === closes) this.#leave();
    else if (c === opens) this.#places.push(place);
    return 1;
  }

  #quote(text: string, at: number): number | undefined {
    const c = text.charAt(at);
    if (text.startsWith("$'", at)) return this.#enterWord('ansi', 2);
    if (text.startsWith('$"', at)) return this.#enterWord('double', 2);
    if (c === "'") return this.#enterWord('single', 1);
    if (c === '"') return this.#enterWord('double', 1);
    return c === '`' ? this.#enterWord('backquote', 1) : undefined;
  }

  #expansion(text: string, at: number): number | undefined {
    if (text.charAt(at) === '`') return this.#enterWord('backquote', 1);
    if (text.charAt(at) !== '$') return undefined;
    if (text.startsWith('$((', at)) {
      this.#append('$');
      this.#places.push('arithmetic', 'arithmetic');
      return 3;
    }
    if (text.startsWith('$(', at)) {
      this.#append('$');
      return this.#enterBrackets('commands', 2);
    }
    if (text.startsWith('${', at)) return this.#enterWord('parameter', 2);
    if (text.startsWith('$[', at)) return this.#enterWord('subscript', 2);
    return undefined;
  }

  /** Brackets hold commands of their own; the word they stand in goes on after them. */
  #enterBrackets(place: Place, length: number): number {
    this.#outer.push({ word: this.#word, words: this.#words });
    [this.#word, this.#words] = [undefined, []];
    return this.#enter(place, length);
  }

  #leaveBrackets(): number {
    this.#endCommand();
    const outer = this.#outer.pop();
    // A pattern of `case` has no bracket that it closes.
    if (outer === undefined) return 1;
    [this.#word, this.#words] = [outer.word, outer.words];
    this.#leave();
    return 1;
  }

  #plain(c: string): number {
    this.#append(c);
    return 1;
  }

  #append(c: string): void {
    this.#word = (this.#word ?? '') + c;
  }

  #enter(place: Place, length: number): number {
    this.#places.push(place);
    return length;
  }

  #enterWord(place: Place, length: number): number {
    this.#word ??= '';
    return this.#enter(place, length);
  }

  #leave(): void {
    this.#places.pop();
  }

  #endWord(length: number): number {
    if (this.#word === undefined) return length;
    const word = this.#word;
    this.#word = undefined;
    this.#words.push(word);
    if (word === '[[') this.#places.push('conditional');
    // Patterns of `case` close brackets that they do not open: inside of any, this reader is lost.
    if (word === 'case' && this.#places.length > 1) this.#places.push('unknown');
    return length;
  }

  #endCommand(): void {
    this.#endWord(0);
    this.#words = [];
  }
}
