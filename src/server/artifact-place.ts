import { MlflowError } from '../tracking/mlflow/mlflow-error.ts';

const PROXY = 'mlflow-artifacts:';

/**
 * How addresses in the space of artifacts begin, before a slash: that of this server, and the folder that
 * clients on this machine write to themselves if it is the root of all experiments.
 */
export function basesOf(root: string): readonly string[] {
  return root.startsWith('/') ? [PROXY, root] : [PROXY];
}

/** The path of an address in the space of artifacts; undefined for one that is elsewhere. */
export function pathOfAddress(uri: string, root: string): string | undefined {
  const base = basesOf(root).find((one) => uri.startsWith(`${one}/`));
  return base === undefined ? undefined : uri.slice(base.length).replace(/^\/+/, '');
}

/** @throws MlflowError NOT_IMPLEMENTED for an address that is elsewhere */
export function requirePath(uri: string, root: string): string {
  const path = pathOfAddress(uri, root);
  if (path === undefined)
    throw new MlflowError('NOT_IMPLEMENTED', `The artifacts are at ${uri}: clients go there themselves`);
  return path;
}
