import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { LINK_FILE, readLink } from '../compose-link.ts';
import { schemeOf } from '../compose-remote.ts';
import { ExitCode } from '../core/exit-code.ts';
import type { RemoteSettings } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { acceptedKeys, Signer } from '../store/remote/signing.ts';
import { type Context, flag, list, type Parsed, text } from './context.ts';
import { openProject } from './open-cache.ts';

/** `recipe cache link [REMOTE]` */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  const [remote] = args;
  if (remote === '') throw usage('REMOTE is empty');
  if (remote !== undefined && flag(options, 'remove')) throw usage(`--remove takes no ${remote}`);
  await using project = openProject(context);
  const path = join(project.home, LINK_FILE);
  if (flag(options, 'remove')) rmSync(path, { force: true });
  else if (remote !== undefined) {
    const settings = settingsOf(remote, options, context);
    // The store makes the home, with what keeps it out of git.
    mkdirSync(project.store.layout.root, { recursive: true });
    writeFileSync(path, `${JSON.stringify(settings)}\n`);
  }
  const linked = existsSync(path) ? readLink(project.home) : {};
  if (flag(options, 'json')) context.out(`${JSON.stringify(linked)}\n`);
  else if (linked.address === undefined) context.out('This project shares its cache with nobody.\n');
  else
    context.out(
      `This project shares its cache through ${linked.address}. \`recipe cache push\` puts there what is here.\n`,
    );
  return ExitCode.ok;
}

function settingsOf(remote: string, options: Parsed['options'], { cwd }: Context): RemoteSettings {
  const accept = list(options, 'accept');
  if (accept.length === 0) throw new RecipeError('REMOTE_WITHOUT_ACCEPT', { remote });
  acceptedKeys(accept);
  const [signWith, endpoint, region] = ['signWith', 'endpoint', 'region'].map((name) => text(options, name));
  const keyFile = signWith === undefined ? undefined : resolve(cwd, signWith);
  if (keyFile !== undefined) {
    if (!existsSync(keyFile)) throw usage(`there is no file ${keyFile}`);
    void new Signer(readFileSync(keyFile, 'utf8'));
  }
  return {
    address: schemeOf(remote) === undefined ? resolve(cwd, remote) : remote,
    accept,
    ...(keyFile === undefined ? {} : { signWith: keyFile }),
    ...(flag(options, 'readOnly') ? { readOnly: true } : {}),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
  };
}

function usage(problem: string): RecipeError {
  return new RecipeError('USAGE', { problem, command: 'cache link' });
}
