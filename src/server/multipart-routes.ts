import { UPLOAD_CREDENTIAL } from './answers/file-parts.ts';
import { listOf, TEXT } from './answers/shape.ts';
import { placeOf } from './artifact-things.ts';
import { integer, message, nested, otherwise, repeated, required, text } from './message.ts';
import { on, type Policy } from './policy.ts';
import { type Route, route } from './route.ts';
import { withoutSlashes } from './without-slashes.ts';

/** What proves that whoever sends a part was given the upload. */
export const UPLOAD_SECRET = 'x-stockpot-upload';
/** Where parts go: below it the upload's id and the part's number. */
export const PARTS = '/api/2.0/mlflow-artifacts/mpu/parts';

interface OfFile {
  readonly artifact_path: string;
  readonly path: string;
}

const FILE = { artifact_path: required(text()), path: required(text()) };
const PART = message({ part_number: required(integer()), etag: required(text()), url: text() });

const WRITE_FILE: Policy<OfFile> = on('EDIT', (sql, request) => placeOf(sql, fileOf(request)));

export const MULTIPART_ROUTES: readonly Route[] = [
  route(
    'POST',
    '/mlflow-artifacts/mpu/create/{+artifact_path}',
    'createMultipartUpload',
    WRITE_FILE,
    message({ ...FILE, num_parts: otherwise(integer(), 1) }),
    { upload_id: TEXT, credentials: listOf(UPLOAD_CREDENTIAL) },
    async ({ uploads, origin }, { num_parts, ...file }) => {
      const { id, secret } = await uploads.begin(fileOf(file), num_parts);
      const credentials = Array.from({ length: num_parts }, (_, index) => ({
        url: `${origin}${PARTS}/${id}/${index + 1}`,
        part_number: index + 1,
        headers: { [UPLOAD_SECRET]: secret },
      }));
      return { upload_id: id, credentials };
    },
  ),
  route(
    'POST',
    '/mlflow-artifacts/mpu/complete/{+artifact_path}',
    'completeMultipartUpload',
    WRITE_FILE,
    message({ ...FILE, upload_id: required(text()), parts: repeated(nested(PART)) }),
    {},
    async ({ uploads }, { upload_id, parts, ...file }) => {
      const sent = parts.map(({ part_number: number, etag }) => ({ number, etag }));
      await uploads.complete(upload_id, fileOf(file), sent);
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow-artifacts/mpu/abort/{+artifact_path}',
    'abortMultipartUpload',
    WRITE_FILE,
    message({ ...FILE, upload_id: required(text()) }),
    {},
    async ({ uploads }, { upload_id, ...file }) => {
      await uploads.abort(upload_id, fileOf(file));
      return {};
    },
  ),
];

/** Clients send the path of the file on their own machine: its name counts, below the folder of the address. */
function fileOf({ artifact_path, path }: OfFile): string {
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
  return `${withoutSlashes(artifact_path)}/${name}`;
}
