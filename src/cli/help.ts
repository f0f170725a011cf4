import type { Declaration, Option } from './declaration.ts';

/** All commands, a line each. */
export function overview(commands: readonly Declaration[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `Stockpot runs machine-learning recipes and reruns only what changed.

Usage: recipe COMMAND [options]

${lines.join('\n')}

  recipe COMMAND --help   options and examples of a command
  recipe --version        the version

Exit codes: 0 done, 1 a step failed, 2 the request is wrong, 3 the gate said no (with --require-validated),
69 out of reach, 70 a bug in Stockpot, 130 interrupted.
`;
}

/** One command: usage, options, examples. */
export function helpFor({ name, summary, args, options, examples }: Declaration): string {
  const shown = options.map((option) => [optionText(option), option.help] as const);
  const width = Math.max(0, ...shown.map(([text]) => text.length));
  const sections = [
    `recipe ${name}: ${summary}`,
    `Usage: recipe ${usage(name, args, options.length > 0 ? ['[options]'] : [])}`,
    ['Options:', ...shown.map(([text, help]) => `  ${text.padEnd(width)}  ${help}`)].join('\n'),
    ['Examples:', ...examples.flatMap(([command, meaning]) => [`  ${command}`, `      ${meaning}`])].join(
      '\n',
    ),
  ];
  return `${sections.join('\n\n')}\n`;
}

/** Options stand before `--`. */
function usage(name: string, args: readonly string[], options: readonly string[]): string {
  const isPassedOn = args[0]?.startsWith('-- ') === true;
  return [name, ...(isPassedOn ? [...options, ...args] : [...args, ...options])].join(' ');
}

export function optionText({ long, short, value, optionalValue }: Option): string {
  const operand = value === undefined ? '' : optionalValue ? `[=${value}]` : ` ${value}`;
  return `${short === undefined ? '    ' : `${short}, `}${long}${operand}`;
}
