/** What a server said about a resource, whether or not it sent the bytes. */
export interface HttpAnswer {
  readonly status: number;
  readonly etag: string | undefined;
  readonly modified: string | undefined;
  /** What the server says is the time. */
  readonly date: string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface HttpRequest {
  readonly url: string;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Blob;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * The one way to the network: http and https only, with a limit of time, redirects followed to the same
 * schemes only.
 *
 * @throws TypeError or a timeout's DOMException if the server cannot be reached.
 */
export async function httpRequest({
  url,
  method,
  headers,
  body,
  timeoutMs,
  signal,
}: HttpRequest): Promise<HttpAnswer> {
  const { protocol } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError(`Not an http address: ${protocol}`);
  const timeout = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url, {
    method,
    redirect: 'follow',
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined ? {} : { body }),
  });
  return {
    status: response.status,
    etag: response.headers.get('etag') ?? undefined,
    modified: response.headers.get('last-modified') ?? undefined,
    date: response.headers.get('date') ?? undefined,
    body: response.body ?? emptyBody(),
  };
}

async function* emptyBody(): AsyncIterable<Uint8Array> {}
