import { isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Whether artifacts lie in a store that clients go to themselves, as in `s3:`. */
export function isElsewhere(location: string): boolean {
  const [, scheme] = /^([a-z][a-z0-9+.-]*):/i.exec(location) ?? [];
  return scheme !== undefined && !['file', 'mlflow-artifacts'].includes(scheme.toLowerCase());
}

/**
 * The folder of this machine that an artifact location means; undefined for other stores, and for MLflow's
 * own where it is not known.
 *
 * @param base what relative paths count from
 * @param proxied the folder that `mlflow-artifacts:` is served from
 */
export function localFolder(
  location: string,
  { base, proxied }: { base: string; proxied: string | undefined },
): string | undefined {
  if (location === '' || isElsewhere(location)) return undefined;
  if (/^mlflow-artifacts:/i.test(location)) {
    if (proxied === undefined) return undefined;
    const path = location.replace(/^mlflow-artifacts:(?:\/\/[^/]*)?\/*/i, '');
    // A path that leaves the folder is no artifact's.
    return path.split('/').includes('..') ? undefined : join(proxied, path);
  }
  if (/^file:/i.test(location)) {
    const url = URL.canParse(location) ? new URL(location) : undefined;
    return url === undefined || (url.host !== '' && url.host !== 'localhost')
      ? undefined
      : fileURLToPath(new URL(`file://${url.pathname}`));
  }
  return isAbsolute(location) ? location : resolve(base, location);
}
