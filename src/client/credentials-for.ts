import { authorizationOf } from './credentials.ts';
import { readCredential } from './kept-credentials.ts';

/**
 * Who a request to a server is from, as the value of its header Authorization; undefined for nobody. The
 * address itself says it before the environment does, and that before what `recipe login` has kept.
 */
export function credentialsFor(
  url: URL,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const [username, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  return (
    authorizationOf({ username, password }) ??
    authorizationOf({
      token: env['STOCKPOT_TOKEN'] || env['MLFLOW_TRACKING_TOKEN'],
      username: env['MLFLOW_TRACKING_USERNAME'],
      password: env['MLFLOW_TRACKING_PASSWORD'],
    }) ??
    authorizationOf({ token: readCredential(env, url.origin)?.token })
  );
}
