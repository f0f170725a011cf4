import { type ParseArgsConfig, parseArgs } from 'node:util';
import { RecipeError } from '../core/recipe-error.ts';
import { nearest } from '../recipe/nearest.ts';
import type { Parsed } from './context.ts';
import type { Declaration, Option } from './declaration.ts';

/** @throws RecipeError USAGE for an option or argument that the command does not have. */
export function parseCommandLine(declaration: Declaration, argv: readonly string[]): Parsed {
  const { name, options } = declaration;
  const usage = (problem: string): RecipeError => new RecipeError('USAGE', { problem, command: name });
  const expanded = withDashedValues(options, argv).map((argument) =>
    isOptional(options, argument) ? `${longOf(options, argument)}=` : argument,
  );
  const config = Object.fromEntries(
    options.map(({ long, short, value, many }) => [
      long.slice(2),
      {
        type: value === undefined ? ('boolean' as const) : ('string' as const),
        ...(short === undefined ? {} : { short: short.slice(1) }),
        multiple: many === true,
      },
    ]),
  ) satisfies ParseArgsConfig['options'];
  let result: { values: Record<string, unknown>; positionals: string[] };
  try {
    result = parseArgs({ args: expanded, options: config, allowPositionals: true, strict: true });
  } catch (error) {
    throw usage(problemOf(error, options));
  }
  const required = declaration.args.filter((arg) => !arg.startsWith('['));
  const missing = required[result.positionals.length];
  if (missing !== undefined) throw usage(`recipe ${name} needs ${missing}`);
  const takesMany = declaration.args.at(-1)?.endsWith('…') === true;
  const extra = takesMany ? undefined : result.positionals[declaration.args.length];
  if (extra !== undefined) throw usage(`recipe ${name} does not take ${extra}`);
  const named = Object.entries(result.values).map(([key, value]) => [camel(key), value] as const);
  return { args: result.positionals, options: Object.fromEntries(named) };
}

/** `--gunicorn-opts '--timeout 60'` in one, as parseArgs takes no value that may be an option. */
function withDashedValues(options: readonly Option[], argv: readonly string[]): string[] {
  const joined: string[] = [];
  for (let at = 0; at < argv.length; at += 1) {
    const [argument = '', value] = argv.slice(at, at + 2);
    const isJoined =
      value !== undefined &&
      options.some(({ long, takesDashes }) => takesDashes === true && long === argument);
    joined.push(isJoined ? `${argument}=${value}` : argument);
    if (isJoined) at += 1;
  }
  return joined;
}

/** An option whose value may be left out is given as `--force`; parseArgs wants `--force=`. */
function isOptional(options: readonly Option[], argument: string): boolean {
  return options.some(
    ({ long, short, optionalValue }) => optionalValue === true && (argument === long || argument === short),
  );
}

function longOf(options: readonly Option[], argument: string): string {
  return options.find(({ long, short }) => argument === long || argument === short)?.long ?? argument;
}

function problemOf(error: unknown, options: readonly Option[]): string {
  const message = error instanceof Error ? error.message : String(error);
  const unknown = /^Unknown option '([^']+)'/.exec(message)?.[1];
  if (unknown !== undefined) {
    const near = nearest(
      unknown,
      options.flatMap(({ long, short }) => (short === undefined ? [long] : [long, short])),
    );
    return `There is no option ${unknown}${near === undefined ? '' : `; did you mean ${near}?`}`;
  }
  return message.split('. ')[0] ?? message;
}

function camel(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
