import { readCredential } from '../../client/kept-credentials.ts';
import { isUserReadable } from '../../core/is-user-readable.ts';
import { RecipeError } from '../../core/recipe-error.ts';
import type { World } from '../../core/world.ts';
import { HttpRemote } from './http-remote.ts';

/**
 * A remote at `https://SERVER`, with the token of STOCKPOT_REMOTE_TOKEN, or that of `recipe login`, or the name and
 * password of its address.
 *
 * @throws RecipeError REMOTE_INVALID
 */
export function httpFromEnvironment(url: string, { env, clock }: Pick<World, 'env' | 'clock'>): HttpRemote {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || parsed.search !== '' || parsed.hash !== '')
    throw new RecipeError('REMOTE_INVALID', {
      remote: url,
      problem: 'it is not https://SERVER or a folder there, without query and fragment',
    });
  if (!isUserReadable(parsed))
    throw new RecipeError('REMOTE_INVALID', {
      remote: `${parsed.origin}${parsed.pathname}`,
      problem: 'a % in its user or password stands for no character: write it as %25',
    });
  const token = env['STOCKPOT_REMOTE_TOKEN'] || readCredential(env, parsed.origin)?.token;
  return new HttpRemote({ url, token, clock });
}
