import { type SpawnOptions, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { Project } from '../compose.ts';
import { trackProgram } from '../compose-track.ts';
import { ExitCode } from '../core/exit-code.ts';
import { hasCode, RecipeError } from '../core/recipe-error.ts';
import type { TrackedStatus } from '../engine/tracking-port.ts';
import { findProject } from '../recipe/address.ts';
import { addressesOf } from './addresses-of.ts';
import { type Context, flag, type Parsed, text, warningsTo } from './context.ts';
import { placeOptions } from './place-options.ts';

/** How a program ended, and what that is as an exit code. */
interface End {
  readonly status: TrackedStatus;
  readonly exit: number;
}

/** `recipe track`: ends as the program does. */
export async function execute({ args, options }: Parsed, context: Context): Promise<number> {
  const [program = '', ...rest] = args.map((arg) => arg ?? '');
  const json = flag(options, 'json');
  let end: End = { status: 'FAILED', exit: ExitCode.stepFailed };
  await using project = new Project(findProject(context.cwd) ?? context.cwd, context, addressesOf(options));
  await project.useProfile(text(options, 'profile'));
  const tracked = await trackProgram(project, context, {
    command: [program, ...rest],
    experiment: text(options, 'experiment'),
    name: text(options, 'name'),
    launch: async (env) => {
      // With --json, stdout is for what this program says alone.
      end = await run([program, ...rest], context, {
        env,
        stdio: ['inherit', json ? 2 : 'inherit', 'inherit'],
      });
      return end.status;
    },
    onWarning: warningsTo(context),
  });
  if (json) context.out(`${JSON.stringify({ ...tracked, exit: end.exit })}\n`);
  else
    context.err(
      `Tracked as ${tracked.name} in the experiment ${tracked.experiment}:\n  recipe runs show ${tracked.run}${placeOptions(options)}\n`,
    );
  return end.exit;
}

/** Runs a program to its end, passing on the signals that this process gets. */
async function run(
  [program, ...args]: readonly [string, ...string[]],
  { cwd, signal }: Context,
  options: SpawnOptions,
): Promise<End> {
  const child = spawn(program, args, { ...options, cwd });
  const pass = (): void => {
    const name = signal.reason instanceof Error ? signal.reason.message : 'SIGTERM';
    // A terminal has sent it to both already.
    if (name !== 'SIGINT' || !process.stdin.isTTY) child.kill(name as NodeJS.Signals);
  };
  if (signal.aborted) pass();
  else signal.addEventListener('abort', pass, { once: true });
  try {
    return await new Promise<End>((resolve, reject) => {
      child.once('error', (cause) => reject(notStarted(program, cause)));
      child.once('exit', (code, name) => resolve(endOf(code, name)));
    });
  } finally {
    signal.removeEventListener('abort', pass);
  }
}

function endOf(code: number | null, name: NodeJS.Signals | null): End {
  if (name !== null) return { status: 'KILLED', exit: 128 + constants.signals[name] };
  return { status: code === 0 ? 'FINISHED' : 'FAILED', exit: code ?? ExitCode.stepFailed };
}

function notStarted(program: string, cause: Error): Error {
  if (!hasCode(cause, 'ENOENT') && !hasCode(cause, 'EACCES')) return cause;
  const problem = hasCode(cause, 'ENOENT') ? 'is not on the PATH' : 'may not be executed';
  return new RecipeError(
    'USAGE',
    { problem: `The program ${program} ${problem}`, command: 'track' },
    { cause },
  );
}
