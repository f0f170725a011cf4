import { SENT } from './file-operations.ts';
import { schemaOf, text } from './message.ts';
import { BYTES, json, type Operations } from './operation.ts';
import { SIZES } from './shared-cache.ts';

const HEX_64 = { type: 'string', pattern: '^[0-9a-f]{64}$' };
const DIGEST = { digest: HEX_64 };
const FINGERPRINT = { fingerprint: HEX_64 };
const FLIGHT = { ...FINGERPRINT, nonce: { type: 'string', pattern: '^[0-9a-f]{32}$' } };
const RECORD = { ...FLIGHT, name: { type: 'string', pattern: '^[a-z]{1,32}(-[0-9]{1,16})?$' } };
const ANY_JSON = { 'application/json': {} };
const UNCHANGED = { description: 'It is still what If-None-Match names' };

/** Routes of the cache that machines share. */
export const CACHE_OPERATIONS: Operations = {
  'HEAD /cas/:digest': {
    name: 'hasBlob',
    tag: 'cache',
    summary: 'Whether a blob is there, and of how many bytes',
    path: DIGEST,
    answers: { '200': { description: 'It is' } },
  },
  'GET /cas/:digest': {
    name: 'getBlob',
    tag: 'cache',
    summary: 'The bytes with this SHA-256',
    path: DIGEST,
    headers: { ...SENT.headers, 'if-none-match': text() },
    answers: { ...SENT.answers, '304': UNCHANGED },
  },
  'PUT /cas/:digest': {
    name: 'putBlob',
    tag: 'cache',
    summary: 'Keeps bytes, if they have this SHA-256',
    path: DIGEST,
    body: BYTES,
    answers: { '200': { description: 'Kept', content: json() } },
  },
  'POST /cas/sizes': {
    name: 'getBlobSizes',
    tag: 'cache',
    summary: 'Which of many blobs are there',
    body: { 'application/json': { schema: schemaOf(SIZES.fields) } },
    answers: {
      '200': {
        description: 'Bytes by the digests of those that are',
        content: json({ sizes: { type: 'object', additionalProperties: { type: 'integer' } } }),
      },
    },
  },
  'GET /results/:fingerprint': {
    name: 'getResult',
    tag: 'cache',
    summary: 'What a step with this fingerprint made',
    path: FINGERPRINT,
    headers: { 'if-none-match': text() },
    answers: { '200': { description: 'The result', content: ANY_JSON }, '304': UNCHANGED },
  },
  'PUT /results/:fingerprint': {
    name: 'putResult',
    tag: 'cache',
    summary: 'Keeps a result, if there is none or If-Match names the one that is there',
    path: FINGERPRINT,
    headers: { 'if-match': text() },
    body: ANY_JSON,
    answers: {
      '201': { description: 'Kept', content: json() },
      '412': { description: 'There is another one' },
    },
  },
  'GET /flights/:fingerprint/:nonce': {
    name: 'getFlight',
    tag: 'cache',
    summary: 'What machines of a fleet wrote of one try at a task',
    path: FLIGHT,
    answers: {
      '200': {
        description: 'Records by their names',
        content: json({ records: { type: 'object', additionalProperties: { type: 'string' } } }),
      },
    },
  },
  'PUT /flights/:fingerprint/:nonce/:name': {
    name: 'putFlightRecord',
    tag: 'cache',
    summary: 'Writes a record, if there is none of this name',
    path: RECORD,
    body: { 'text/plain': { schema: { type: 'string' } } },
    answers: {
      '201': { description: 'Written', content: json() },
      '412': { description: 'There is one of this name' },
    },
  },
  'DELETE /flights/:fingerprint/:nonce/:name': {
    name: 'deleteFlightRecord',
    tag: 'cache',
    summary: 'Removes a record',
    path: RECORD,
    answers: { '200': { description: 'It is not there', content: json() } },
  },
};
