import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { clearInterval, setInterval } from 'node:timers';
import type { FastifyInstance, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the body is a file, which may take as long as it takes while it comes. */
    readonly takesFile?: boolean;
  }
}

/** How long a server waits for others, in milliseconds. */
export interface TimeLimits {
  /** For the headers of a request, from its first byte or, of the first one, since the connection was made. */
  readonly headersMs: number;
  /** For the whole body of a request that is no file. */
  readonly messageMs: number;
  /** For the next bytes of a file. */
  readonly idleMs: number;
  /** For a client to take the next bytes of an answer. */
  readonly takeMs: number;
  /** For the requests that are under way when it is told to end. */
  readonly stopMs: number;
}

/** `stopMs` is less than `deploy/` leaves a server to end. */
export const TIME_LIMITS: TimeLimits = {
  headersMs: 60_000,
  messageMs: 120_000,
  idleMs: 60_000,
  takeMs: 60_000,
  stopMs: 30_000,
};

/** Ends requests whose bodies do not come, and those whose answers nobody takes. */
export function limitTime(app: FastifyInstance, limits: TimeLimits): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { headers, raw } = request;
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    // One that is injected comes over no connection.
    if (raw.socket instanceof Socket) {
      if (hasBody) watch(request, limits, () => giveUp(app, raw, reply.raw.headersSent));
      endUntaken(reply.raw, limits);
    }
    done();
  });
}

function watch({ raw, routeOptions }: FastifyRequest, limits: TimeLimits, onLate: () => void): void {
  const isFile = routeOptions.config.takesFile === true;
  let seen = raw.socket.bytesRead;
  const timer = setInterval(
    () => {
      // Bytes that have come and were not taken yet wait for this server.
      const isComing = isFile && (raw.socket.bytesRead > seen || raw.readableLength > 0);
      seen = raw.socket.bytesRead;
      if (raw.complete) clearInterval(timer);
      else if (!isComing) onLate();
    },
    isFile ? limits.idleMs : limits.messageMs,
  ).unref();
  raw.once('close', () => clearInterval(timer));
}

/**
 * Node says when nothing moved on a connection for so long, part of what waits in the kernel included. Where nothing
 * waits for the client it is the server that takes its time.
 */
function endUntaken(answer: ServerResponse, { takeMs }: TimeLimits): void {
  answer.setTimeout(takeMs, () => {
    if ((answer.socket?.writableLength ?? 0) > 0) answer.socket?.destroy();
  });
}

/** As Node does itself with a request that is late; one that was answered already is just broken off. */
function giveUp({ server }: FastifyInstance, { socket }: IncomingMessage, isAnswered: boolean): void {
  const late = Object.assign(new Error('The body did not come in time'), {
    code: 'ERR_HTTP_REQUEST_TIMEOUT',
  });
  if (isAnswered) socket.destroy();
  else server.emit('clientError', late, socket);
}
