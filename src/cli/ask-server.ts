import { RecipeError } from '../core/recipe-error.ts';
import { httpRequest } from '../net/http-client.ts';

const TIMEOUT_MS = 30_000;

/**
 * A call of a server's API that a command makes.
 *
 * @throws RecipeError SERVER_UNREACHABLE, SERVER_REFUSED
 */
export async function askServer(
  url: string,
  path: string,
  {
    method = 'GET',
    token,
    body,
  }: { method?: 'GET' | 'POST' | 'DELETE'; token?: string | undefined; body?: object },
): Promise<Readonly<Record<string, unknown>>> {
  const text = await answerOf(url, path, { method, token, body });
  return JSON.parse(text) as Record<string, unknown>;
}

async function answerOf(
  url: string,
  path: string,
  {
    method,
    token,
    body,
  }: { method: 'GET' | 'POST' | 'DELETE'; token: string | undefined; body?: object | undefined },
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let status: number;
  try {
    const answer = await httpRequest({
      url: `${url}/api/2.0/stockpot/${path}`,
      method,
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      timeoutMs: TIMEOUT_MS,
    });
    ({ status } = answer);
    for await (const chunk of answer.body) chunks.push(chunk);
  } catch (cause) {
    const problem = cause instanceof Error && cause.cause instanceof Error ? cause.cause : (cause as Error);
    throw new RecipeError('SERVER_UNREACHABLE', { url, problem: problem.message }, { cause });
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (status === 200) return text;
  throw new RecipeError('SERVER_REFUSED', { url, problem: problemOf(status, text) });
}

function problemOf(status: number, text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // It is no Stockpot server, or a proxy before it speaks.
  }
  return `it answered ${status}`;
}
