import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { type Credential, credentialsPath, writeCredential } from '../client/kept-credentials.ts';
import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { unlessAborted } from '../core/unless-aborted.ts';
import { askServer } from './ask-server.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { jsonLine } from './json-line.ts';
import { openBrowser } from './open-browser.ts';
import { originOf } from './origin-of.ts';
import { readPassword } from './read-password.ts';

/** `recipe login URL`: a token by a browser, by a setup token, or one that the user has. */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { options } = parsed;
  const url = originOf(parsed.args[0] ?? '', 'login');
  if (!isPrivate(url))
    context.err(`warning: ${url} is not https: whoever is on the way can read the token\n`);
  const setup = text(options, 'setup');
  const credential =
    setup !== undefined
      ? await bySetup(url, setup, parsed, context)
      : flag(options, 'token')
        ? await byToken(url, await readPassword(context))
        : await byBrowser(url, parsed, context);
  writeCredential(context.env, url, credential);
  const { username } = credential;
  if (flag(options, 'json')) context.out(jsonLine({ url, username }));
  else
    context.out(
      `You are ${username} at ${url}; the token is in ${credentialsPath(context.env)}\n  MLflow's clients take it as MLFLOW_TRACKING_TOKEN\n`,
    );
  return ExitCode.ok;
}

async function bySetup(
  url: string,
  setup: string,
  { options }: Parsed,
  context: Context,
): Promise<Credential> {
  const username = text(options, 'user') ?? context.env['USER'] ?? 'admin';
  const password = flag(options, 'password') ? await readPassword(context) : undefined;
  const { token } = await askServer(url, 'setup', {
    method: 'POST',
    body: { setup_token: setup, username, ...(password === undefined ? {} : { password }) },
  });
  return { token: String(token), username };
}

async function byToken(url: string, token: string): Promise<Credential> {
  const { username } = await askServer(url, 'whoami', { token: token.trim() });
  return { token: token.trim(), username: String(username) };
}

/** RFC 8252 §7.3: the browser brings a code to a port of this machine; RFC 7636 proves that it is ours. */
async function byBrowser(url: string, { options }: Parsed, context: Context): Promise<Credential> {
  const verifier = randomBytes(32).toString('base64url');
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  const state = randomBytes(16).toString('base64url');
  // An address that nobody serves is told of before a browser shows it.
  await reach(url);
  const { promise: code, resolve } = Promise.withResolvers<string>();
  const listener = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
    const isOurs = searchParams.get('state') === state;
    response.writeHead(isOurs ? 200 : 400, {
      'content-type': 'text/plain; charset=utf-8',
      connection: 'close',
    });
    response.end(isOurs ? 'You are signed in: go back to the terminal.\n' : 'This is not for here.\n');
    if (isOurs) resolve(searchParams.get('code') ?? '');
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  try {
    const { port } = listener.address() as AddressInfo;
    const query = new URLSearchParams({ port: String(port), challenge, state, where: hostname() });
    const address = `${url}/sign-in/cli?${query.toString()}`;
    context.err(`Open this address in a browser, if it does not open by itself:\n  ${address}\n`);
    if (!flag(options, 'noBrowser')) openBrowser(address, context.env);
    const { token, username, expires_at } = await askServer(url, 'sign-in/token', {
      method: 'POST',
      body: { code: await unlessAborted(context.signal, code), verifier },
    });
    return { token: String(token), username: String(username), expiresAt: Number(expires_at) };
  } catch (error) {
    if (context.signal.aborted) throw new RecipeError('LOGIN_CANCELLED', undefined, { cause: error });
    throw error;
  } finally {
    listener.close();
  }
}

/** Whether what is sent there can be read by nobody on the way. */
function isPrivate(url: string): boolean {
  const { protocol, hostname: name } = new URL(url);
  return protocol === 'https:' || ['127.0.0.1', 'localhost', '[::1]'].includes(name);
}

async function reach(url: string): Promise<void> {
  try {
    await askServer(url, 'whoami', {});
  } catch (error) {
    if (error instanceof RecipeError && error.code === 'SERVER_REFUSED') return;
    throw error;
  }
}
