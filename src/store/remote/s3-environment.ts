import { RecipeError } from '../../core/recipe-error.ts';
import type { World } from '../../core/world.ts';
import { parseS3Url, type S3Address } from './s3-address.ts';
import { S3Remote, type S3RemoteOptions } from './s3-remote.ts';

/**
 * A remote at `s3://BUCKET/PREFIX` with what the environment says of keys, region and endpoint, by the names that
 * AWS's own tools read.
 *
 * @throws RecipeError REMOTE_INVALID, REMOTE_WITHOUT_KEYS, REMOTE_WITHOUT_REGION
 */
export function s3FromEnvironment(
  url: string,
  { env, clock }: Pick<World, 'env' | 'clock'>,
  wanted: Partial<Pick<S3Address, 'endpoint' | 'region'>> & Pick<S3RemoteOptions, 'layout'> = {},
): S3Remote {
  const said = (...names: readonly string[]): string | undefined =>
    names.map((name) => env[name]).find((value) => value !== undefined && value !== '');
  const place = parseS3Url(url);
  if (place === undefined)
    throw new RecipeError('REMOTE_INVALID', {
      remote: url,
      problem: "it is not s3://BUCKET/PREFIX with a prefix of parts that are neither empty nor '.' nor '..'",
    });
  const key = (name: string): string => {
    const value = said(name);
    if (value === undefined) throw new RecipeError('REMOTE_WITHOUT_KEYS', { remote: url, variable: name });
    return value;
  };
  const credentials = {
    accessKeyId: key('AWS_ACCESS_KEY_ID'),
    secretAccessKey: key('AWS_SECRET_ACCESS_KEY'),
    sessionToken: said('AWS_SESSION_TOKEN'),
  };
  const endpoint = wanted.endpoint ?? said('AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL');
  if (endpoint !== undefined && !isEndpoint(endpoint))
    throw new RecipeError('REMOTE_INVALID', {
      remote: url,
      problem: 'its endpoint is not https://HOST or http://HOST, without user, query and fragment',
    });
  // Others than AWS have one region, and mostly take this name for it.
  const region =
    wanted.region ??
    said('AWS_REGION', 'AWS_DEFAULT_REGION') ??
    (endpoint === undefined ? undefined : 'us-east-1');
  if (region === undefined) throw new RecipeError('REMOTE_WITHOUT_REGION', { remote: url });
  if (!/^[a-z0-9-]+$/.test(region))
    throw new RecipeError('REMOTE_INVALID', { remote: url, problem: 'its region is no name of one' });
  return new S3Remote({ address: { ...place, endpoint, region }, credentials, clock, layout: wanted.layout });
}

function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return ['https:', 'http:'].includes(protocol) && [username, password, search, hash].join('') === '';
}
