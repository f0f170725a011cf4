import { request } from 'node:http';
import type { BadRequest } from './bad-requests.ts';

/**
 * An answer takes milliseconds, and on a machine that does much else a second or two; what takes time by the square of
 * what was sent, or waits for what does not come, takes minutes.
 */
const ANSWERED_WITHIN_MS = 20_000;

export interface RawAnswer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** Sends a request to this machine as it stands, and gives what comes of it. */
export async function sendRaw(port: number, { method, path, headers, body }: BadRequest): Promise<RawAnswer> {
  const bytes = Buffer.from(body ?? '');
  // Node says the length of itself only where a body is usual.
  const length = body === undefined ? {} : { 'content-length': String(bytes.length) };
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  const sent = request(
    {
      agent: false,
      host: '127.0.0.1',
      port,
      method,
      path,
      headers: { ...headers, ...length },
      signal: AbortSignal.timeout(ANSWERED_WITHIN_MS),
    },
    (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers['content-type'] ?? '',
          text,
        }),
      );
    },
  );
  sent.on('error', reject);
  sent.end(bytes);
  return promise;
}
