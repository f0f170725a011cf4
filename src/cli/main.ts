import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { systemWorld } from '../core/system-world.ts';
import { armFailpoints } from './arm-failpoints.ts';
import { COMMANDS } from './commands.ts';
import type { Context } from './context.ts';
import type { Declaration } from './declaration.ts';
import { helpFor, overview } from './help.ts';
import { parseCommandLine } from './parse-command-line.ts';
import { describeError } from './print-error.ts';

/** The whole program: reads the command line, runs one command, sets the exit code. */
export async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  const json = ownWords(argv).includes('--json');
  armFailpoints(process.env['STOCKPOT_FAILPOINT']);
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      // The second time it is meant: steps are in groups of their own and end with their driver's death.
      if (interrupt.signal.aborted) process.exit(ExitCode.interrupted);
      interrupt.abort(new Error(signal));
    });
  // Whoever reads our output may stop reading: `recipe runs list | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(ExitCode.ok);
  });
  try {
    process.exitCode = await dispatch(argv, contextOf(interrupt.signal));
  } catch (error) {
    const { text, exit } = describeError(error, { json });
    process.stderr.write(text);
    process.exitCode = exit;
  }
  if (interrupt.signal.aborted && findCommand(argv)?.declaration.endsProcess === true) process.exit();
}

/** Runs the command that `argv` names; rejects with what is wrong. */
export async function dispatch(argv: readonly string[], context: Context): Promise<number> {
  const found = findCommand(argv);
  if (found === undefined) {
    const [first] = argv;
    if (first !== undefined && !first.startsWith('-')) throw unknownCommand(argv);
    if (first !== undefined && first !== '--help' && first !== '-h')
      throw new RecipeError('USAGE', { problem: `There is no option ${first}`, command: '' });
    context.out(overview(COMMANDS));
    return first === undefined ? ExitCode.usage : ExitCode.ok;
  }
  const { declaration, rest } = found;
  const own = ownWords(rest);
  const host = own[own.indexOf('-h') + 1];
  // MLflow's server has its host behind it: a script would take the help for a server.
  if (own.includes('-h') && host?.startsWith('-') === false && hasHost(declaration))
    throw new RecipeError('USAGE', {
      problem: `-h is help: write --host ${host}`,
      command: declaration.name,
    });
  if (own.includes('--help') || own.includes('-h')) {
    context.out(helpFor(declaration));
    return ExitCode.ok;
  }
  const parsed = parseCommandLine(declaration, rest);
  const { execute } = await declaration.load();
  return execute(parsed, context);
}

function hasHost({ options }: Declaration): boolean {
  return options.some(({ long }) => long === '--host');
}

/** What follows `--` is for another program. */
function ownWords(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return end === -1 ? argv : argv.slice(0, end);
}

/** `models list` is a command of two words, `server user add` of three. */
function findCommand(
  argv: readonly string[],
): { declaration: Declaration; rest: readonly string[] } | undefined {
  for (const words of [3, 2, 1]) {
    const name = argv.slice(0, words).join(' ');
    const declaration = COMMANDS.find((command) => command.name === name);
    if (declaration !== undefined) return { declaration, rest: argv.slice(words) };
    // `server token` is not `server` with an argument.
    if (argv.length >= words && membersOf(name).length > 0) return undefined;
  }
  return undefined;
}

/** The commands that go on from these words. */
function membersOf(words: string): string[] {
  return COMMANDS.map(({ name }) => name).filter((name) => name.startsWith(`${words} `));
}

function unknownCommand(argv: readonly string[]): RecipeError {
  const groups = [3, 2, 1].map((words) => membersOf(argv.slice(0, words).join(' ')));
  const group = groups.find((members) => members.length > 0);
  return group === undefined
    ? new RecipeError('USAGE', { problem: `There is no command ${argv[0]}`, command: '' })
    : new RecipeError('USAGE', { problem: `Say which: ${group.join(', ')}`, command: '' });
}

function contextOf(signal: AbortSignal): Context {
  const packageDir = findPackage();
  const { version } = JSON.parse(readFileSync(`${packageDir}/package.json`, 'utf8')) as { version: string };
  return {
    cwd: process.cwd(),
    env: process.env,
    world: systemWorld(process.env),
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    isTerminal: process.stdout.isTTY && process.env['TERM'] !== 'dumb',
    columns: process.stdout.columns || 100,
    rows: process.stdout.rows || 40,
    signal,
    version,
    packageDir,
    node: process.execPath,
    pid: process.pid,
  };
}

/** The source is two folders below the package, what is built from it three. */
function findPackage(): string {
  const here = fileURLToPath(new URL('.', import.meta.url));
  return here.replace(/\/(?:dist\/)?src\/cli\/$/, '');
}
