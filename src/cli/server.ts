import type { AddressInfo } from 'node:net';
import { Project } from '../compose.ts';
import { composeServer } from '../compose-server.ts';
import { ExitCode } from '../core/exit-code.ts';
import { hasCode, RecipeError } from '../core/recipe-error.ts';
import { findProject } from '../recipe/address.ts';
import { type Context, flag, type Parsed, text } from './context.ts';

const LOOPBACK = ['127.0.0.1', 'localhost', '::1'];

/** `recipe server`: serves until it is told to end, and then ends what it began. */
export async function execute({ options }: Parsed, context: Context): Promise<ExitCode> {
  const host = text(options, 'host') ?? '127.0.0.1';
  if (!LOOPBACK.includes(host))
    throw new RecipeError('USAGE', {
      problem: `--host ${host} is not of this machine alone (${LOOPBACK.join(', ')}): users and tokens are not in this version`,
      command: 'server',
    });
  const port = portOf(text(options, 'port') ?? '5000');
  using project = Project.open(findProject(context.cwd) ?? context.cwd, context);
  await using server = await composeServer(project, context, {
    hosts: ['127.0.0.1', 'localhost', '[::1]'],
    database: databaseOf(text(options, 'database')),
    onBug: (error, request) => context.err(`Internal error in ${request}: ${error.stack ?? error.message}\n`),
  });
  const ended = new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve()));
  await listen(server.app, host, port);
  const address = server.app.server.address() as AddressInfo;
  const url = `http://${host === '::1' ? '[::1]' : host}:${address.port}`;
  if (flag(options, 'json')) context.out(`${JSON.stringify({ url, home: project.home })}\n`);
  else {
    context.out(`Serving ${project.home} at ${url}, to this machine only. Ctrl-C ends it.\n`);
    context.out(`  export MLFLOW_TRACKING_URI=${url}\n`);
  }
  if (!context.signal.aborted) await ended;
  return ExitCode.ok;
}

async function listen(
  app: { listen: (at: { host: string; port: number }) => Promise<string> },
  host: string,
  port: number,
): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    if (hasCode(cause, 'EADDRINUSE')) throw new RecipeError('ADDRESS_IN_USE', { host, port }, { cause });
    if (hasCode(cause, 'EACCES') || hasCode(cause, 'EADDRNOTAVAIL'))
      throw new RecipeError(
        'ADDRESS_UNAVAILABLE',
        { host, port, problem: (cause as Error).message },
        { cause },
      );
    throw cause;
  }
}

function portOf(value: string): number {
  const port = Number(value);
  if (/^\d{1,5}$/.test(value) && port < 65_536) return port;
  throw new RecipeError('USAGE', {
    problem: `--port ${value} is no number from 0 to 65535`,
    command: 'server',
  });
}

/** MLflow's spelling with a driver, `postgresql+psycopg2://`, is the same address. */
function databaseOf(url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  const [, rest] = /^postgres(?:ql)?(?:\+\w+)?:(\/\/.+)$/.exec(url) ?? [];
  if (rest === undefined)
    throw new RecipeError('USAGE', {
      problem: '--database is no address that begins with postgres://',
      command: 'server',
    });
  return `postgres:${rest}`;
}
