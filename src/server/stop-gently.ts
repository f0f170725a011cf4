import { Socket } from 'node:net';
import { clearTimeout, setTimeout } from 'node:timers';
import type { FastifyInstance } from 'fastify';

/**
 * Requests that are under way when the server is told to end are answered, if that takes no longer than so many
 * milliseconds. Their connections are closed then: a client would keep one open for its next request.
 */
export function stopGently(app: FastifyInstance, ms: number): void {
  let isClosing = false;
  let last: NodeJS.Timeout | undefined;
  app.addHook('preClose', async () => {
    isClosing = true;
    last = setTimeout(() => app.server.closeAllConnections(), ms);
  });
  app.addHook('onClose', async () => clearTimeout(last));
  app.addHook('onSend', (_, reply, payload, done) => {
    if (isClosing) reply.header('connection', 'close');
    done(null, payload);
  });
  // One that had its headers before.
  app.addHook('onResponse', (request, _, done) => {
    const { socket } = request.raw;
    if (isClosing && socket instanceof Socket) socket.end();
    done();
  });
}
