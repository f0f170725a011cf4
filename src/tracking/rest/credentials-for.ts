import { readCredential } from '../../net/credentials.ts';

/**
 * Who a request to a server is from, as the value of its header Authorization; undefined for nobody. The
 * address itself says it before the environment does, and that before what `recipe login` has kept.
 */
export function credentialsFor(
  url: URL,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  if (url.username !== '') return basic(decodeURIComponent(url.username), decodeURIComponent(url.password));
  const token = env['STOCKPOT_TOKEN'] || env['MLFLOW_TRACKING_TOKEN'];
  if (token !== undefined && token !== '') return `Bearer ${token}`;
  const name = env['MLFLOW_TRACKING_USERNAME'];
  if (name !== undefined && name !== '') return basic(name, env['MLFLOW_TRACKING_PASSWORD'] ?? '');
  const kept = readCredential(env, url.origin);
  return kept === undefined ? undefined : `Bearer ${kept.token}`;
}

function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}
