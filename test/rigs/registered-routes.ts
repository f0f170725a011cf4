import type { FastifyInstance } from 'fastify';

/** What the router of a server knows, whoever told it: also what no list of ours has. */
export async function registeredRoutes(
  app: FastifyInstance,
): Promise<readonly { readonly method: string; readonly path: string }[]> {
  await app.ready();
  const found: { method: string; path: string }[] = [];
  // A tree of parts of addresses, each four columns further in than what it goes on from.
  const parts: string[] = [];
  for (const line of app.printRoutes().split('\n')) {
    const [, indent = '', part = '', methods = ''] = /^([│ ]*)[├└]── (\S+)(?: \((.*)\))?$/.exec(line) ?? [];
    const depth = indent.length / 4;
    parts.splice(depth, parts.length, part);
    const path = parts.join('');
    for (const method of methods.split(', ').filter((one) => one !== '')) found.push({ method, path });
  }
  return found;
}
