import { OF_MODEL, OF_RUN, OF_VERSION } from './files-of-things.ts';
import { type Field, required, text } from './message.ts';
import { PARTS, UPLOAD_SECRET } from './multipart-routes.ts';
import { BYTES, json, type Operation, type Operations } from './operation.ts';
import { OF_TRACE_FILE } from './trace-file.ts';

const DONE = { description: 'Done', content: json() };
const ARTIFACT = '/api/2.0/mlflow-artifacts/artifacts/*';

/** What `sendBytes` answers. */
export const SENT: Pick<Operation, 'headers' | 'answers'> = {
  headers: { range: text(), 'if-range': text() },
  answers: {
    '200': { description: 'The whole file', content: BYTES },
    '206': { description: 'The range of it that was asked for', content: BYTES },
    '416': { description: 'It has no such range' },
  },
};

/** Routes of files that clients write and read. */
export const FILE_OPERATIONS: Operations = {
  [`GET ${ARTIFACT}`]: { name: 'downloadArtifact', tag: 'artifacts', summary: 'A file by its path', ...SENT },
  [`PUT ${ARTIFACT}`]: {
    name: 'uploadArtifact',
    tag: 'artifacts',
    summary: 'Writes a file: whoever reads it sees all of it, or what was there before',
    body: BYTES,
    answers: { '200': DONE },
  },
  [`DELETE ${ARTIFACT}`]: {
    name: 'deleteArtifact',
    tag: 'artifacts',
    summary: 'Removes a file or a folder',
    answers: { '200': DONE },
  },
  [`PUT ${PARTS}/:id/:number`]: {
    name: 'uploadPart',
    tag: 'artifacts',
    summary: 'Takes a part of a file that is uploaded in parts',
    path: {
      id: { type: 'string', pattern: '^[0-9a-f]{32}$' },
      number: { type: 'integer', minimum: 1, maximum: 99_999 },
    },
    headers: { [UPLOAD_SECRET]: required(text()) },
    body: BYTES,
    answers: { '200': { description: 'Taken; the header etag names its bytes', content: json() } },
  },
  'GET /get-artifact': sent('getRunArtifact', 'A file of a run', OF_RUN.fields),
  'GET /model-versions/get-artifact': sent(
    'getModelVersionArtifact',
    'A file of a model version',
    OF_VERSION.fields,
  ),
  'GET /api/2.0/mlflow/logged-models/:model_id/artifacts/files': sent(
    'getLoggedModelArtifact',
    'A file of a logged model',
    OF_MODEL.fields,
  ),
  'GET /api/2.0/mlflow/get-trace-artifact': sent(
    'getTraceArtifact',
    'The spans of a trace as a file, or a file that is attached to it',
    OF_TRACE_FILE.fields,
  ),
  'POST /api/2.0/mlflow/upload-artifact': {
    name: 'uploadRunArtifact',
    tag: 'artifacts',
    summary: 'Writes a file of a run, of 10 MiB at most',
    query: { run_uuid: required(text()), path: required(text()) },
    body: BYTES,
    answers: { '200': DONE },
  },
};

function sent(name: string, summary: string, query: Readonly<Record<string, Field<unknown>>>): Operation {
  return { name, tag: 'artifacts', summary, query, ...SENT };
}
