import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { checkPath } from './artifact-path.ts';
import { pathOfAddress } from './artifact-place.ts';
import { withoutSlashes } from './without-slashes.ts';

/** What the source of a model version may be: of paths of this machine only those below the folder of all experiments. */
export type ModelSource =
  | { readonly kind: 'proxied'; readonly uri: string; readonly path: string }
  | { readonly kind: 'run'; readonly run: string; readonly path: string }
  | { readonly kind: 'logged-model'; readonly id: string }
  | { readonly kind: 'version'; readonly name: string; readonly version: string }
  /** Another store, which clients go to themselves, or no place at all, as of prompts. */
  | { readonly kind: 'elsewhere'; readonly uri: string };

/**
 * @param root where experiments without a place of their own keep artifacts
 * @throws MlflowError INVALID_PARAMETER_VALUE
 */
export function modelSource(source: string, root: string): ModelSource {
  // oxlint-disable-next-line no-control-regex
  if (/[?#;%\\\u0000-\u0020\u007f]/.test(source) || /(?:^|\/)\.\.?(?:\/|$)/.test(source))
    throw refused(source);
  const local = source.replace(/^file:(?:\/\/(?:localhost)?)?(?=\/[^/])/, '');
  if (local.startsWith('/')) {
    const given = pathOfAddress(local, root);
    if (given === undefined) throw refused(source);
    const path = withoutSlashes(given);
    checkPath(path);
    return { kind: 'proxied', uri: `${root}/${path}`, path };
  }
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+-]*):\/*([^]*)$/.exec(source) ?? [];
  switch (scheme) {
    case undefined:
      if (/^[\w-]+$/.test(source)) return { kind: 'elsewhere', uri: source };
      throw refused(source);
    case 'mlflow-artifacts': {
      const path = withoutSlashes(rest);
      checkPath(path);
      return { kind: 'proxied', uri: `mlflow-artifacts:/${path}`, path };
    }
    case 'runs': {
      const [, run = '', path = ''] = /^([^/]+)\/(.+)$/.exec(rest) ?? [];
      if (run === '') throw refused(source);
      return { kind: 'run', run, path: withoutSlashes(path) };
    }
    case 'models': {
      if (/^m-[0-9a-f]{32}$/.test(rest)) return { kind: 'logged-model', id: rest };
      const [, name = '', version = ''] = /^([^/@]+)\/(\d+)$/.exec(rest) ?? [];
      if (name === '') throw refused(source);
      return { kind: 'version', name, version };
    }
    case 's3':
    case 'gs':
    case 'wasbs':
    case 'abfss':
    case 'dbfs':
    case 'hdfs':
      return { kind: 'elsewhere', uri: source };
    default:
      throw refused(source);
  }
}

function refused(source: string): Error {
  return invalid(
    `Invalid model version source: '${source.slice(0, 80)}'. It is one of mlflow-artifacts:/…, runs:/RUN/PATH, models:/NAME/VERSION, models:/MODEL_ID, s3://…, gs://…, without query, fragment or '..'.`,
  );
}
