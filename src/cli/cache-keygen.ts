import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ExitCode } from '../core/exit-code.ts';
import { hasCode, RecipeError } from '../core/recipe-error.ts';
import { newKey } from '../store/remote/signing.ts';
import { type Context, flag, type Parsed } from './context.ts';

/** `recipe cache keygen FILE`: only its owner may read the file, and one that is there stays. */
export function execute({ args, options }: Parsed, context: Context): ExitCode {
  const path = resolve(context.cwd, args[0] ?? '');
  const { privateKey, publicKey } = newKey();
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${privateKey}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!hasCode(error, 'EEXIST') && !hasCode(error, 'ENOTDIR')) throw error;
    throw new RecipeError('USAGE', { problem: `${path} exists already`, command: 'cache keygen' });
  }
  context.out(
    flag(options, 'json')
      ? `${JSON.stringify({ path, public_key: publicKey })}\n`
      : `${publicKey}\nThe private key is in ${path}: sign_with: names it. Readers list the line above under accept:.\n`,
  );
  return ExitCode.ok;
}
