import type { FastifyRequest } from 'fastify';
import { ASKED_FOR } from '../tracking/asked-for.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';

const LONGEST = 256;

/**
 * For whom a request says that it is, beside who signs in. It gives that one no rights, and takes none from who signs
 * in but one: neither of the two approves what is asked for.
 *
 * @throws MlflowError INVALID_PARAMETER_VALUE
 */
export function askedFor({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined {
  const value = headers[ASKED_FOR];
  if (value === undefined) return undefined;
  const name = typeof value === 'string' ? decoded(value) : undefined;
  if (name === undefined || name === '' || name.length > LONGEST || /\p{Cc}/u.test(name))
    throw invalid(`The header ${ASKED_FOR} is a name of at most ${LONGEST} characters, percent-encoded.`);
  return name;
}

function decoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
