import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type S3Key, signatureProblem } from './s3-signature.ts';

export interface S3Call {
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** What happens to a request instead of what it asks for: an error, or an end of the connection. */
export type S3Fault =
  | { readonly status: number; readonly code: string }
  /** Carried out, but the answer does not arrive. */
  | 'silence'
  /** The answer breaks off in its middle. */
  | 'half'
  /** 200, and then an error, as S3 answers to what takes long. */
  | 'late';

interface Stored {
  readonly bytes: Buffer;
  /** May be more than there are bytes: for what no test can afford to store. */
  readonly size: number;
  readonly tag: string;
  readonly modifiedAt: number;
}

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

export interface S3ServerOptions {
  readonly key?: S3Key;
  readonly buckets?: readonly string[];
  /** Without, `If-None-Match` and `If-Match` of a PUT are read over (as s3rver does), or are an error. */
  readonly conditions?: 'honoured' | 'of new objects only' | 'ignored' | 'not implemented';
  readonly now?: () => number;
  /** Keys, or parts, in one answer to a list; as with S3, at most 1000. */
  readonly pageSize?: number;
}

const MIN_PART = 5 << 20;
const MAX_COPY = 5 * 1024 ** 3;

/** What S3 does, as far as a cache needs it, in memory, and as strictly: with signatures, and its limits. */
export class S3Server implements AsyncDisposable {
  readonly key: S3Key;
  readonly objects = new Map<string, Stored>();
  readonly uploads = new Map<string, { readonly path: string; readonly parts: Map<number, Stored> }>();
  readonly calls: S3Call[] = [];
  fault: (call: S3Call) => S3Fault | undefined = () => undefined;
  readonly #buckets: Set<string>;
  readonly #conditions: S3ServerOptions['conditions'];
  readonly #now: () => number;
  readonly #pageSize: number;
  #port = 0;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  private constructor({ key, buckets, conditions, now, pageSize }: S3ServerOptions) {
    this.key = key ?? { id: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
    this.#buckets = new Set(buckets ?? ['bucket']);
    this.#conditions = conditions ?? 'honoured';
    this.#now = now ?? (() => Date.now());
    this.#pageSize = pageSize ?? 1000;
  }

  static async start(options: S3ServerOptions = {}): Promise<S3Server> {
    const one = new S3Server(options);
    await one.startAgain();
    return one;
  }

  /** Where it was before, with all that it had. */
  async startAgain(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  store(path: string, bytes: Buffer, { size = bytes.length, at = this.#now() } = {}): Stored {
    const tag = `"${createHash('md5').update(bytes).digest('hex')}"`;
    const stored = { bytes, size, tag, modifiedAt: at };
    this.objects.set(path, stored);
    return stored;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const parts: Buffer[] = [];
      for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
      const body = Buffer.concat(parts);
      const [path = '', query = ''] = (request.url ?? '').split('?');
      const [, bucket = '', ...rest] = decodeURIComponent(path).split('/');
      const call: S3Call = {
        method: request.method ?? '',
        bucket,
        key: rest.join('/'),
        query: new URLSearchParams(query),
        headers: request.headers,
        body,
      };
      this.calls.push(call);
      const problem = signatureProblem(request, body, this.key, this.#now());
      const fault = this.fault(call);
      const answer =
        problem === undefined
          ? typeof fault === 'object'
            ? failed(fault.status, fault.code)
            : fault === 'late'
              ? { ...failed(200, 'InternalError') }
              : this.#answer(call)
          : failed(problem === 'XAmzContentSHA256Mismatch' ? 400 : 403, problem);
      if (fault === 'silence') request.socket.destroy();
      else this.#write(call, answer, response, fault === 'half');
    } catch {
      // The other side has left in the middle of its body.
      response.destroy();
    }
  }

  #write({ method }: S3Call, answer: Answer, response: ServerResponse, isHalf: boolean): void {
    const body = Buffer.from(answer.body ?? '');
    response.writeHead(answer.status, {
      date: new Date(this.#now()).toUTCString(),
      'content-length': String(body.length),
      ...answer.headers,
    });
    if (!isHalf) response.end(method === 'HEAD' ? undefined : body);
    else response.write(body.subarray(0, body.length / 2), () => response.destroy());
  }

  #answer(call: S3Call): Answer {
    if (!this.#buckets.has(call.bucket)) return failed(404, 'NoSuchBucket');
    const path = `${call.bucket}/${call.key}`;
    const uploadId = call.query.get('uploadId');
    switch (call.method) {
      case 'GET':
      case 'HEAD':
        if (call.query.get('list-type') === '2') return this.#list(call);
        if (uploadId !== null) return this.#listParts(path, uploadId, call.query);
        return this.#get(path, call.headers.range);
      case 'DELETE':
        if (uploadId === null) this.objects.delete(path);
        else if (!this.uploads.delete(uploadId)) return failed(404, 'NoSuchUpload');
        return { status: 204 };
      case 'POST':
        return uploadId === null ? this.#begin(path) : this.#complete(path, uploadId, call.body.toString());
      case 'PUT':
        if (uploadId !== null) return this.#putPart(call, uploadId);
        if (call.headers['x-amz-copy-source'] !== undefined) return this.#copy(call, path);
        return this.#put(call, path);
      default:
        return failed(405, 'MethodNotAllowed');
    }
  }

  #get(path: string, range: string | undefined): Answer {
    const stored = this.objects.get(path);
    if (stored === undefined) return failed(404, 'NoSuchKey');
    const { bytes, size, tag, modifiedAt } = stored;
    const headers = {
      etag: tag,
      'last-modified': new Date(modifiedAt).toUTCString(),
      'content-length': String(size),
    };
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
    if (first === undefined) return { status: 200, headers, body: bytes };
    if (Number(first) >= size) return failed(416, 'InvalidRange');
    const body = bytes.subarray(Number(first), last === '' ? undefined : Number(last) + 1);
    return { status: 206, headers: { ...headers, 'content-length': String(body.length) }, body };
  }

  #list({ bucket, key, query }: S3Call): Answer {
    if (key !== '') return failed(400, 'InvalidRequest');
    const wanted = `${bucket}/${query.get('prefix') ?? ''}`;
    const after = Buffer.from(query.get('continuation-token') ?? '', 'base64').toString();
    const left = [...this.objects.keys()]
      .filter((path) => path.startsWith(wanted) && path > after)
      .toSorted();
    const page = left.slice(0, this.#pageSize);
    const next = Buffer.from(page.at(-1) ?? '').toString('base64');
    const inner = [
      `<Prefix>${escaped(query.get('prefix') ?? '')}</Prefix>`,
      `<IsTruncated>${left.length > page.length}</IsTruncated>`,
      left.length > page.length ? `<NextContinuationToken>${next}</NextContinuationToken>` : '',
      ...page.map(
        (path) => `<Contents><Key>${escaped(path.slice(bucket.length + 1))}</Key><Size>1</Size></Contents>`,
      ),
    ];
    return { status: 200, body: xml('ListBucketResult', inner.join('')) };
  }

  #put({ headers, body }: S3Call, path: string): Answer {
    const none = headers['if-none-match'];
    const same = headers['if-match'];
    if (this.#conditions === 'not implemented' && (none ?? same) !== undefined)
      return failed(501, 'NotImplemented');
    const there = this.objects.get(path);
    if (this.#conditions === 'honoured' || this.#conditions === 'of new objects only')
      if (none !== undefined && there !== undefined) return failed(412, 'PreconditionFailed');
    if (this.#conditions === 'honoured') {
      if (same !== undefined && there === undefined) return failed(404, 'NoSuchKey');
      if (same !== undefined && there?.tag !== same) return failed(412, 'PreconditionFailed');
    }
    return { status: 200, headers: { etag: this.store(path, body).tag } };
  }

  #copy({ headers }: S3Call, path: string): Answer {
    const from = decodeURIComponent(String(headers['x-amz-copy-source'])).replace(/^\//, '');
    const stored = this.objects.get(from);
    if (stored === undefined) return failed(404, 'NoSuchKey');
    if (from === path && headers['x-amz-metadata-directive'] !== 'REPLACE')
      return failed(400, 'InvalidRequest');
    if (stored.size > MAX_COPY) return failed(400, 'InvalidRequest');
    const { tag } = this.store(path, stored.bytes, { size: stored.size });
    return { status: 200, body: xml('CopyObjectResult', `<ETag>${escaped(tag)}</ETag>`) };
  }

  #begin(path: string): Answer {
    const id = `${randomUUID()}/+=`;
    this.uploads.set(id, { path, parts: new Map() });
    return { status: 200, body: xml('InitiateMultipartUploadResult', `<UploadId>${id}</UploadId>`) };
  }

  #putPart({ headers, query, body }: S3Call, id: string): Answer {
    const upload = this.uploads.get(id);
    const number = Number(query.get('partNumber'));
    if (upload === undefined) return failed(404, 'NoSuchUpload');
    if (!(number >= 1 && number <= 10_000)) return failed(400, 'InvalidArgument');
    const source = headers['x-amz-copy-source'];
    const [, first = '0', last = '0'] =
      /^bytes=(\d+)-(\d+)$/.exec(String(headers['x-amz-copy-source-range'])) ?? [];
    const from = this.objects.get(decodeURIComponent(String(source)).replace(/^\//, ''));
    if (source !== undefined && (from === undefined || Number(last) >= from.size))
      return failed(400, 'InvalidArgument');
    const bytes = from?.bytes.subarray(Number(first), Number(last) + 1) ?? body;
    const size = from === undefined ? body.length : Number(last) - Number(first) + 1;
    const tag = `"${createHash('md5').update(bytes).digest('hex')}"`;
    upload.parts.set(number, { bytes, size, tag, modifiedAt: this.#now() });
    return source === undefined
      ? { status: 200, headers: { etag: tag } }
      : { status: 200, body: xml('CopyPartResult', `<ETag>${escaped(tag)}</ETag>`) };
  }

  #listParts(path: string, id: string, query: URLSearchParams): Answer {
    const upload = this.uploads.get(id);
    if (upload?.path !== path) return failed(404, 'NoSuchUpload');
    const after = Number(query.get('part-number-marker') ?? 0);
    const left = [...upload.parts].filter(([number]) => number > after).toSorted(([a], [b]) => a - b);
    const page = left.slice(0, this.#pageSize);
    const inner = [
      `<UploadId>${id}</UploadId><PartNumberMarker>${after}</PartNumberMarker>`,
      `<NextPartNumberMarker>${page.at(-1)?.[0] ?? 0}</NextPartNumberMarker>`,
      `<IsTruncated>${left.length > page.length}</IsTruncated>`,
      ...page.map(
        ([number, { tag, size }]) =>
          `<Part><PartNumber>${number}</PartNumber><ETag>${escaped(tag)}</ETag><Size>${size}</Size></Part>`,
      ),
    ];
    return { status: 200, body: xml('ListPartsResult', inner.join('')) };
  }

  #complete(path: string, id: string, list: string): Answer {
    const upload = this.uploads.get(id);
    if (upload?.path !== path) return failed(404, 'NoSuchUpload');
    const wanted = Array.from(
      list.matchAll(/<Part><PartNumber>(\d+)<\/PartNumber><ETag>([^<]+)<\/ETag><\/Part>/g),
      ([, number, tag = '']) => ({ number: Number(number), tag: tag.replaceAll('&quot;', '"') }),
    );
    const parts: Stored[] = [];
    for (const [index, { number, tag }] of wanted.entries()) {
      const part = upload.parts.get(number);
      if (number <= (wanted[index - 1]?.number ?? 0)) return failed(400, 'InvalidPartOrder');
      if (part?.tag !== tag) return failed(400, 'InvalidPart');
      if (index < wanted.length - 1 && part.size < MIN_PART) return failed(400, 'EntityTooSmall');
      parts.push(part);
    }
    if (parts.length === 0) return failed(400, 'MalformedXML');
    this.uploads.delete(id);
    this.store(path, Buffer.concat(parts.map(({ bytes }) => bytes)), {
      size: parts.reduce((sum, { size }) => sum + size, 0),
    });
    return { status: 200, body: xml('CompleteMultipartUploadResult', `<Key>${escaped(path)}</Key>`) };
  }
}

function failed(status: number, code: string): Answer {
  return { status, body: xml('Error', `<Code>${code}</Code><Message>said the server</Message>`) };
}

function xml(name: string, inner: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name}>${inner}</${name}>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
