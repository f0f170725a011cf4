import { readCredential, writeCredential } from '../client/kept-credentials.ts';
import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { askServer } from './ask-server.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { jsonLine } from './json-line.ts';
import { originOf } from './origin-of.ts';

/** `recipe logout URL`: revokes the token there, then forgets it here. */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  const url = originOf(args[0] ?? '', 'logout');
  const credential = readCredential(context.env, url);
  const revoked = credential === undefined ? false : await revoke(url, credential.token);
  writeCredential(context.env, url, undefined);
  if (flag(options, 'json')) context.out(jsonLine({ url, revoked }));
  else
    context.out(
      credential === undefined
        ? `there is no token for ${url}\n`
        : `the token for ${url} is ${revoked ? 'revoked' : 'forgotten here; it was not good there any more'}\n`,
    );
  return ExitCode.ok;
}

async function revoke(url: string, token: string): Promise<boolean> {
  try {
    const { token_id: id } = await askServer(url, 'whoami', { token });
    await askServer(url, `tokens/${String(id)}`, { method: 'DELETE', token });
    return true;
  } catch (error) {
    if (error instanceof RecipeError && error.code === 'SERVER_REFUSED') return false;
    throw error;
  }
}
