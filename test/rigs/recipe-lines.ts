import { COMMANDS } from '../../src/cli/commands.ts';
import type { Declaration } from '../../src/cli/declaration.ts';
import { parseCommandLine } from '../../src/cli/parse-command-line.ts';

/** Takes a command line as the program does. Throws what is wrong with it; gives the command's name. */
export function takeCommandLine(argv: readonly string[]): string {
  for (const words of [3, 2, 1]) {
    const name = argv.slice(0, words).join(' ');
    const declaration: Declaration | undefined = COMMANDS.find((command) => command.name === name);
    if (declaration === undefined) continue;
    parseCommandLine(declaration, argv.slice(words));
    return name;
  }
  throw new Error(`There is no command ${argv.join(' ')}`);
}

/** What follows `recipe` on each line of the code blocks of a document, as argv. */
export function recipeLinesOf(markdown: string): string[][] {
  const blocks = Array.from(markdown.matchAll(/^```\w*[^\n]*\n([\s\S]*?)^```/gm), ([, code = '']) => code);
  return (
    blocks
      .join('\n')
      .replaceAll('\\\n', ' ')
      // An expression of Jinja becomes one word.
      .replaceAll(/\{\{[^{}]*\}\}/g, 'x')
      .split('\n')
      .flatMap((line) =>
        Array.from(line.matchAll(/(?:^|[\s("'])recipe ((?:"[^"]*"|'[^']*'|[^#|;&)\n"'])*)/g)),
      )
      .map(([, words = '']) => Array.from(words.matchAll(/"[^"]*"|'[^']*'|\S+/g), ([word]) => unquoted(word)))
  );
}

function unquoted(word: string): string {
  return /^["'].*["']$/.test(word) ? word.slice(1, -1) : word;
}
