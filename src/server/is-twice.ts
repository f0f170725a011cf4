import type { FastifyRequest } from 'fastify';

/** Whether a header stands twice in a request: whoever passed it on may have believed the other one. */
export function isTwice({ raw: { rawHeaders } }: FastifyRequest, name: string): boolean {
  let times = 0;
  for (let index = 0; index < rawHeaders.length; index += 2)
    if (rawHeaders[index]?.toLowerCase() === name) times += 1;
  return times > 1;
}
