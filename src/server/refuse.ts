import type { FastifyReply, FastifyRequest } from 'fastify';
import { ExitCode } from '../core/exit-code.ts';
import { CATALOGUE, hasCode, RecipeError } from '../core/recipe-error.ts';
import { invalid, MLFLOW_STATUS, MlflowError } from '../tracking/mlflow/mlflow-error.ts';

/** Answers with MLflow's error and status; of a bug the client learns only that there was one. */
export function refuse(
  error: Error,
  request: FastifyRequest,
  reply: FastifyReply,
  onBug: (error: Error, request: string) => void,
): FastifyReply {
  const known = error instanceof RecipeError ? inMlflowsWords(error) : error;
  if (known instanceof MlflowError)
    return reply.code(MLFLOW_STATUS[known.code]).send({ error_code: known.code, message: known.message });
  const status = 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status >= 400 && status < 500)
    return reply.code(status).send({ error_code: 'BAD_REQUEST', message: error.message });
  if (hasCode(error, 'ERR_STREAM_PREMATURE_CLOSE') || hasCode(error, 'ECONNRESET'))
    return reply.code(400).send({ error_code: 'BAD_REQUEST', message: 'The body ended before its end.' });
  if (hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT'))
    return reply.code(507).send({
      error_code: 'TEMPORARILY_UNAVAILABLE',
      message: 'No space is left on the disk of the server: nothing was kept of this request.',
    });
  onBug(error, `${request.method} ${request.url.split('?')[0]}`);
  return reply
    .code(500)
    .send({ error_code: 'INTERNAL_ERROR', message: 'Internal error: see the log of the server.' });
}

function inMlflowsWords(error: RecipeError): MlflowError {
  if (CATALOGUE[error.code].exit !== ExitCode.unavailable) return invalid(error.message);
  return new MlflowError('TEMPORARILY_UNAVAILABLE', error.message, { cause: error });
}
