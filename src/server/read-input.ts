import type { FastifyRequest } from 'fastify';
import { isDeepJson, MAX_JSON_DEPTH } from '../core/json-depth.ts';
import { MlflowError } from '../tracking/mlflow/mlflow-error.ts';

/**
 * The fields of a request: its query, or its body.
 *
 * @throws MlflowError BAD_REQUEST
 */
export function inputOf({ method, query, body, headers }: FastifyRequest): Record<string, unknown> {
  if (method === 'GET') return query as Record<string, unknown>;
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type === undefined && method === 'POST') throw bad('Bad Request. Content-Type header is missing.');
  if (type !== undefined && type !== 'application/json')
    throw bad("Bad Request. Content-Type must be one of ['application/json'].");
  if (!Buffer.isBuffer(body) || body.length === 0) return {};
  let value = parse(body.toString('utf8'));
  // Some clients encode twice.
  if (typeof value === 'string') value = parse(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw bad('The body is no JSON object.');
  return value as Record<string, unknown>;
}

function parse(text: string): unknown {
  if (isDeepJson(text)) throw bad(`The body has more than ${MAX_JSON_DEPTH} levels of lists and maps.`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw bad(`The body is not valid JSON: ${(cause as Error).message.slice(0, 200)}`);
  }
}

function bad(message: string): MlflowError {
  return new MlflowError('BAD_REQUEST', message);
}
