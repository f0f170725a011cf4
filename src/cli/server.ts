import { flushCompileCache } from 'node:module';
import type { AddressInfo } from 'node:net';
import { ProjectHome } from '../compose-home.ts';
import { type ComposedServer, composeServer, type ServeRequest } from '../compose-server.ts';
import { ExitCode } from '../core/exit-code.ts';
import { hasCode, RecipeError } from '../core/recipe-error.ts';
import type { LedgerDesk } from '../ledger/ledger-desk.ts';
import { findProject } from '../recipe/address.ts';
import { createLog, LOG_LEVELS, type Log } from '../server/log.ts';
import { blockListOf } from '../server/proxy-identity.ts';
import { ROLES, type Role } from '../tracking/access/permission.ts';
import { artifactsOf } from './artifacts-of.ts';
import { choice } from './choice.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { countOption } from './count-option.ts';
import { databaseOf } from './database-of.ts';
import { listOf } from './list-of.ts';
import { reachOf, shownHost } from './server-reach.ts';
import type { ServerSchedules } from './server-schedules.ts';
import { sideBySide } from './side-by-side.ts';
import { withCache } from './with-cache.ts';

/** `recipe server`: serves until it is told to end, and then ends what it began. */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { options } = parsed;
  const { host, ...reach } = reachOf(options);
  const port = portOf(text(options, 'port') ?? '5000');
  const proxy = proxyOf(options);
  for (const [name, option] of IGNORED)
    if (options[name] !== undefined) context.err(`${option} does nothing here: ${WHY_IGNORED}\n`);
  await using project = new ProjectHome(findProject(context.cwd) ?? context.cwd, withCache(options, context));
  const database = databaseOf(parsed, context, 'server');
  const failed = new AbortController();
  const working = {
    ...withDatabase(database, withCache(options, context)),
    signal: AbortSignal.any([context.signal, failed.signal]),
  };
  await using schedules = flag(options, 'schedules') ? await openSchedules(working) : undefined;
  const slots = countOption('--drive', text(options, 'drive'), 'server');
  await using submissions =
    slots !== undefined || flag(options, 'submissions')
      ? await openDesk(project, withDatabase(database, context))
      : undefined;
  const says = await saying(options, context);
  await using server = await composeServer(project, context, {
    ...reach,
    proxy,
    provider: providerOf(options, context),
    newUsers: newUsersOf(options),
    ...artifactsOf(options, context.cwd),
    database,
    submissions,
    ticks: schedules?.ticks,
    webhookHosts: webhookHostsOf(options),
    ...says,
  });
  const ended = new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve()));
  await listen(server.app, host, port);
  const address = server.app.server.address() as AddressInfo;
  const url = reach.publicUrl ?? `http://${shownHost(host)}:${address.port}`;
  const { auth: signsIn, setupToken } = server;
  if (flag(options, 'json'))
    context.out(
      `${JSON.stringify({ url, home: project.home, auth: signsIn, ...(setupToken === undefined ? {} : { setup_token: setupToken }) })}\n`,
    );
  else {
    const whom = signsIn === 'on' ? 'to users who sign in' : 'to this machine only';
    context.out(`Serving ${project.home} at ${url}, ${whom}. Ctrl-C ends it.\n`);
    context.out(`  export MLFLOW_TRACKING_URI=${url}\n`);
    if (setupToken !== undefined)
      context.out(
        `  There are no users yet. Make yourself the administrator, within a day:\n  recipe login ${url} --setup ${setupToken}\n`,
      );
  }
  void warnOf(server.provider, context.signal, says.onGivenUp);
  // Node keeps compiled code at its end, which a server that is killed does not come to.
  flushCompileCache();
  await sideBySide(failed, [
    ...(schedules === undefined ? [] : [schedules.serve()]),
    ...(slots === undefined ? [] : [drive(slots, working)]),
  ]);
  if (!context.signal.aborted) await ended;
  return ExitCode.ok;
}

/** The server serves all the same: whoever has a token needs no provider, and it may be back. */
async function warnOf(
  provider: ComposedServer['provider'],
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  const problem = await provider?.problem(signal);
  if (problem !== undefined) say(`${problem} Until it can, nobody signs in there: check --oidc-issuer.`);
}

/** The ledger, for terminals that submit runs. */
async function openDesk(project: ProjectHome, context: Context): Promise<LedgerDesk> {
  const { ledgerOf } = await import('../compose-ledger.ts');
  const { LedgerDesk } = await import('../ledger/ledger-desk.ts');
  const { clock } = context.world;
  return new LedgerDesk(await ledgerOf(project, context), { clock, onForgotten: () => undefined });
}

/** The part of a driver, until the context's signal; what it says goes where a server's log is. */
async function drive(slots: number, context: Context): Promise<void> {
  const { driveSubmitted } = await import('./drive.ts');
  const said = { ...context, out: context.err };
  await driveSubmitted({ slots, once: false, isUnsafeRedis: false, json: true }, said);
}

/** The scheduler, loaded by a server that has one alone: with it comes all that runs recipes. */
async function openSchedules(context: Context): Promise<ServerSchedules> {
  const { openServerSchedules } = await import('./server-schedules.ts');
  return openServerSchedules(context);
}

/** What `mlflow server` takes, and a server of one process has no use for. */
const IGNORED = [
  ['serveArtifacts', '--serve-artifacts'],
  ['workers', '--workers'],
  ['gunicornOpts', '--gunicorn-opts'],
  ['uvicornOpts', '--uvicorn-opts'],
  ['appName', '--app-name'],
] as const;
const WHY_IGNORED = 'one process serves everything, artifacts too, and --auth is about users';

/** Runs of its schedules are tracked where it serves from. */
function withDatabase(url: string | undefined, context: Context): Context {
  if (url === undefined) return context;
  const env = { ...context.world.env, STOCKPOT_DATABASE_URL: url };
  return { ...context, env, world: { ...context.world, env } };
}

/** No address of this machine, or no name of one; EAI_AGAIN where no server of names answers. */
const NO_HOST = ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EINVAL'];

async function listen(
  app: { listen: (at: { host: string; port: number }) => Promise<string> },
  host: string,
  port: number,
): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    if (hasCode(cause, 'EADDRINUSE')) throw new RecipeError('ADDRESS_IN_USE', { host, port }, { cause });
    const isPort = hasCode(cause, 'EACCES');
    if (!isPort && !NO_HOST.some((code) => hasCode(cause, code))) throw cause;
    const problem = (cause as Error).message;
    const reason = isPort ? 'port' : 'host';
    throw new RecipeError('ADDRESS_UNAVAILABLE', { host, port, problem, reason }, { cause });
  }
}

function portOf(value: string): number {
  const port = Number(value);
  if (/^\d{1,5}$/.test(value) && port < 65_536) return port;
  throw usage(`--port ${value} is no number from 0 to 65535`);
}

function proxyOf(options: Parsed['options']): ServeRequest['proxy'] {
  const addresses = listOf(text(options, 'trustedProxy'));
  if (addresses.length === 0) return undefined;
  try {
    return {
      addresses,
      from: blockListOf(addresses),
      userHeader: (text(options, 'userHeader') ?? 'X-Forwarded-User').toLowerCase(),
      groupsHeader: (text(options, 'groupsHeader') ?? 'X-Forwarded-Groups').toLowerCase(),
      newUsers: newUsersOf(options),
    };
  } catch (cause) {
    if (cause instanceof RecipeError) throw cause;
    throw usage(`--trusted-proxy ${(cause as Error).message}`);
  }
}

/** Where the server says what happens meanwhile: in words, or as lines of a log. */
async function saying(
  options: Parsed['options'],
  { err }: Context,
): Promise<Pick<ServeRequest, 'log' | 'onGivenUp' | 'onBug'>> {
  const level = text(options, 'logLevel');
  if (level === undefined)
    return {
      log: undefined,
      onGivenUp: (line) => err(`${line}\n`),
      onBug: (error, where) => err(`Internal error in ${where}: ${error.stack ?? error.message}\n`),
    };
  const log: Log = await createLog(choice('--log-level', LOG_LEVELS, level, 'server'), err);
  return {
    log,
    onGivenUp: (line) => log.warn({}, line),
    onBug: (error, where) => log.error({ where, error: error.stack ?? error.message }, 'internal error'),
  };
}

/** As URLs write them. */
function webhookHostsOf(options: Parsed['options']): string[] {
  const hosts = listOf(text(options, 'webhookAllow')).map((host) => host.toLowerCase());
  const strange = hosts.find((host) => !/^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/.test(host));
  if (strange !== undefined) throw usage(`--webhook-allow ${strange} is no HOST or HOST:PORT`);
  return hosts;
}

function newUsersOf(options: Parsed['options']): Role {
  return choice('--new-users', ROLES, text(options, 'newUsers') ?? 'member', 'server');
}

function providerOf(options: Parsed['options'], { env }: Context): ServeRequest['provider'] {
  const issuer = text(options, 'oidcIssuer');
  if (issuer === undefined) return undefined;
  const clientId = text(options, 'oidcClientId');
  if (clientId === undefined) throw usage('--oidc-issuer needs --oidc-client-id too');
  if (!URL.canParse(issuer) || !/^https?:$/.test(new URL(issuer).protocol))
    throw usage(`--oidc-issuer ${issuer} is no address as https://login.example.com`);
  return {
    issuer,
    clientId,
    clientSecret: env['STOCKPOT_OIDC_CLIENT_SECRET'],
    nameClaim: text(options, 'oidcNameClaim') ?? 'email',
    groupsClaim: text(options, 'oidcGroupsClaim') ?? 'groups',
  };
}

function usage(problem: string): RecipeError {
  return new RecipeError('USAGE', { problem, command: 'server' });
}
