import { invalid, type MlflowError } from '../tracking/mlflow/mlflow-error.ts';

/** Bytes: what a database sorts by. */
const MAX_PATH = 2000;

/** Refuses what would be another path once it is tidied up, and what no file system or browser takes. */
export function checkPath(path: string): void {
  if (!isPath(path)) throw invalid(`Invalid path: ${JSON.stringify(path.slice(0, 80))}`);
}

/** Whether artifacts may have this path. */
export function isPath(path: string): boolean {
  return (
    Buffer.byteLength(path) <= MAX_PATH &&
    // oxlint-disable-next-line no-control-regex
    !/[\u0000-\u001f\u007f\\]/.test(path) &&
    path.isWellFormed() &&
    path.split('/').every((one) => one !== '' && one !== '.' && one !== '..')
  );
}

/** Whether the server itself names what is there by its content: models, and what they can be made from again. */
export function isServersOwn(path: string): boolean {
  return /^(?:models|reproductions)\/[0-9a-f]{64}(?:\/|$)/.test(path);
}

/** Why no client can write there. */
export function serversOwn(path: string): MlflowError {
  return invalid(`'${path}' is a name that the server itself uses`);
}

/** Why nothing can be written below a file. */
export function fileInTheWay(path: string): MlflowError {
  return invalid(`A file or a link is in the way of '${path}'`);
}

/** Why no file can be written where a folder is. */
export function isFolder(path: string): MlflowError {
  return invalid(`'${path}' is a folder`);
}
