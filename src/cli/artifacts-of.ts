import { RecipeError } from '../core/recipe-error.ts';
import { isElsewhere, localFolder } from '../tracking/import/local-folder.ts';
import { flag, type Parsed, text } from './context.ts';

const PROXY = 'mlflow-artifacts:';

/** Where clients find artifacts, and the folder of this machine that they lie in, if it is one. */
export interface ArtifactsPlace {
  readonly artifactRoot: string;
  readonly artifactsFolder: string | undefined;
  /** Whether they pass through the server. */
  readonly servesArtifacts: boolean;
}

/** Where clients put artifacts themselves, unless told otherwise. */
const LOCAL = './mlruns';

/** `--default-artifact-root`, `--artifacts-destination` and `--no-serve-artifacts`, as `mlflow server` has them. */
export function artifactsOf(options: Parsed['options'], cwd: string): ArtifactsPlace {
  const servesArtifacts = !flag(options, 'noServeArtifacts');
  const root = text(options, 'defaultArtifactRoot') ?? (servesArtifacts ? PROXY : LOCAL);
  const artifactRoot = rootOf(root, cwd);
  if (!servesArtifacts && artifactRoot === PROXY)
    throw usage(`--no-serve-artifacts: clients cannot put artifacts at ${root} then`);
  const destination = text(options, 'artifactsDestination');
  if (!servesArtifacts && destination !== undefined)
    throw usage(
      '--artifacts-destination is where the server puts artifacts, and --no-serve-artifacts has it take none',
    );
  const folder =
    destination === undefined ? undefined : localFolder(destination, { base: cwd, proxied: undefined });
  if (destination !== undefined && folder === undefined)
    throw usage(`--artifacts-destination ${destination} is no folder of this machine`);
  if (!artifactRoot.startsWith('/')) return { artifactRoot, artifactsFolder: folder, servesArtifacts };
  if (folder !== undefined && folder.replace(/\/+$/, '') !== artifactRoot)
    throw usage(
      '--artifacts-destination and a folder as --default-artifact-root are one folder: say one of them',
    );
  return { artifactRoot, artifactsFolder: artifactRoot, servesArtifacts };
}

function rootOf(root: string, cwd: string): string {
  if (/^mlflow-artifacts:\/*$/.test(root)) return PROXY;
  if (/^(?:s3|gs|wasbs|abfss|dbfs|hdfs):\/\/[\w./@:+=-]+$/.test(root) && !root.includes('..'))
    return root.replace(/\/+$/, '');
  const folder = isElsewhere(root) ? undefined : localFolder(root, { base: cwd, proxied: undefined });
  if (folder === undefined)
    throw usage(
      `--default-artifact-root ${root} is neither mlflow-artifacts: nor a store as s3://BUCKET/PREFIX nor a folder`,
    );
  const path = folder.replace(/\/+$/, '');
  // Clients write it into addresses.
  if (!/^(?:\/[\w.@+=-]+)+$/.test(path) || /\/\.\.?(?:\/|$)/.test(path))
    throw usage(`--default-artifact-root ${path}: names in it may have letters, digits and . _ - + = @ only`);
  return path;
}

function usage(problem: string): RecipeError {
  return new RecipeError('USAGE', { problem, command: 'server' });
}
