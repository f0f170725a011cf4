import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Artifacts } from './artifacts.ts';
import type { ReadableFile } from './client-files.ts';

export interface SendableBytes extends Pick<ReadableFile, 'size' | 'etag'> {
  /** The bytes from one to another, both included. */
  readonly stream: (from: number, to: number) => Readable | Uint8Array;
}

/** Answers with a file, or the range of it that is asked for; a browser saves it, whatever is in it. */
export async function sendFile(
  artifacts: Artifacts,
  path: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const file = await artifacts.open(path);
  const name = path.slice(path.lastIndexOf('/') + 1);
  reply.header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(name)}`);
  return sendBytes(file, request, reply);
}

/** Answers with bytes that no browser shows, or the range of them that is asked for. */
export function sendBytes(
  { size, etag, stream }: SendableBytes,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  reply
    .header('content-security-policy', 'sandbox')
    .header('accept-ranges', 'bytes')
    .header('etag', etag)
    .type('application/octet-stream');
  const range = isOf(request.headers['if-range'], etag) ? rangeOf(request.headers.range, size) : undefined;
  if (range === undefined)
    return reply.header('content-length', size).send(size === 0 ? '' : stream(0, size - 1));
  if (range === 'none') return reply.code(416).header('content-range', `bytes */${size}`).send();
  const [from, to] = range;
  return reply
    .code(206)
    .header('content-range', `bytes ${from}-${to}/${size}`)
    .header('content-length', to - from + 1)
    .send(stream(from, to));
}

/**
 * Whether a client that has some of a file may have more of this one (RFC 9110 §13.1.5). A weak tag says too
 * little for that, and of a date nothing is known here.
 */
function isOf(ifRange: string | string[] | undefined, etag: string): boolean {
  return ifRange === undefined || (ifRange === etag && !etag.startsWith('W/'));
}

/** The first and last byte of a single range (RFC 9110 §14); several ranges are answered with the whole. */
function rangeOf(header: string | undefined, size: number): readonly [number, number] | 'none' | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  return start > end ? 'none' : [start, end];
}
