import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, statSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/**
 * What nobody can do without who keeps files behind HTTP and loses none: a PUT goes to a file that is synced, gets
 * its name, and the folder is synced; a GET sends the file. `node plain-server.ts DIR PORT`.
 */
const [dir = '.', port = '0'] = process.argv.slice(2);

createServer((request, response) => {
  void answer(request, response);
}).listen(Number(port), '127.0.0.1');

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = '' } = request;
  if (url === '/health') {
    response.end();
    return;
  }
  const name = url.slice(1);
  const path = join(dir, name.slice(0, 2), name);
  if (method === 'GET') {
    response.writeHead(200, { 'content-length': statSync(path).size });
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), response);
    return;
  }
  mkdirSync(dirname(path), { recursive: true });
  const temporary = join(dir, randomUUID());
  await pipeline(request, createWriteStream(temporary, { flags: 'wx', flush: true, highWaterMark: 4 << 20 }));
  await rename(temporary, path);
  await using folder = await open(dirname(path));
  await folder.sync();
  response.end();
}
