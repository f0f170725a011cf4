import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { hasCode } from '../core/recipe-error.ts';
import type { MlflowErrorCode } from '../tracking/mlflow/mlflow-error.ts';

const CODE: MlflowErrorCode = 'BAD_REQUEST';

/** Answers what is no request that Node could read: no route is looked for, and no hook runs. */
export function refuseUnread(error: Error, socket: Socket): void {
  if (hasCode(error, 'ECONNRESET') || socket.destroyed) return;
  const [status, message] = answerTo(error);
  const body = JSON.stringify({ error_code: CODE, message });
  if (socket.writable)
    socket.write(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: ${body.length}\r\nContent-Type: application/json\r\n\r\n${body}`,
    );
  socket.destroy(error);
}

function answerTo(error: Error): [number, string] {
  if (hasCode(error, 'ERR_HTTP_REQUEST_TIMEOUT'))
    return [408, 'The request did not come to its end in time.'];
  if (hasCode(error, 'HPE_HEADER_OVERFLOW'))
    return [431, 'The address and the headers have more than 16 KiB.'];
  if (hasCode(error, 'HPE_INVALID_METHOD')) return [400, 'There is no such method.'];
  return [400, 'This is no HTTP request.'];
}
