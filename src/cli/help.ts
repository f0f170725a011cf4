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
    `Usage: recipe ${[name, ...args].join(' ')}${options.length > 0 ? ' [options]' : ''}`,
    ['Options:', ...shown.map(([text, help]) => `  ${text.padEnd(width)}  ${help}`)].join('\n'),
    ['Examples:', ...examples.flatMap(([command, meaning]) => [`  ${command}`, `      ${meaning}`])].join(
      '\n',
    ),
  ];
  return `${sections.join('\n\n')}\n`;
}

export function optionText({ long, short, value, optionalValue }: Option): string {
  const operand = value === undefined ? '' : optionalValue ? `[=${value}]` : ` ${value}`;
  return `${short === undefined ? '    ' : `${short}, `}${long}${operand}`;
}
