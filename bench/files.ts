import { spawnSync } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { type Contender, Running, stockpot } from './contender.ts';
import { quantile } from './load.ts';

/**
 * A large file up (curl, then `sync`) and down (to a file, then `sync`), beside nginx's PUT and GET in the
 * same run, one after the other in turns; and what the server's memory grows by. `npm run bench:files --
 * [MIB]`. Needs curl, and nginx with its WebDAV module (on Debian `apt-get install nginx-light`).
 */
const MIB = Number(process.argv[2] ?? 2048);
const ROUNDS = 3;

for (const program of ['curl', 'nginx'])
  if (spawnSync(program, ['-V']).error !== undefined) {
    console.log(`not measured: there is no ${program} on the PATH`);
    process.exit(0);
  }

using folder = mkdtempDisposableSync(join(tmpdir(), 'bench-'));
const file = join(folder.path, 'file');
await pipeline(blocks(), createWriteStream(file));

const ours = join(folder.path, 'ours');
mkdirSync(ours);
await using server = await Running.start(stockpot(), ours);
const { run } = (await (
  await fetch(`http://127.0.0.1:${server.port}/api/2.0/mlflow/runs/create`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"experiment_id": "0"}',
  })
).json()) as { run: { info: { run_id: string } } };
await using peer = await Running.start(nginx(join(folder.path, 'peer')), folder.path);

const contenders = [
  ['stockpot', server, `/api/2.0/mlflow-artifacts/artifacts/0/${run.info.run_id}/artifacts/file`],
  ['nginx', peer, '/file'],
] as const;
const idleMiB = server.memory();
let mostMiB = 0;
const times: Record<string, number[]> = {};
for (let round = 0; round < ROUNDS; round += 1)
  for (const [name, { port }, path] of contenders) {
    // Other bytes each time, or ours would have them already.
    writeFileSync(file, String(round).padEnd(20), { flag: 'r+' });
    spawnSync('sync');
    const url = `http://127.0.0.1:${port}${path}`;
    await take(`${name} up`, ['-T', file, url]);
    await take(`${name} down`, ['-o', join(folder.path, 'back'), url]);
  }
console.log({
  MiB: MIB,
  ...Object.fromEntries(Object.entries(times).map(([what, all]) => [`${what} s`, quantile(all, 0.5)])),
  upToNginx: ratio('up'),
  downToNginx: ratio('down'),
  memoryMiB: { idle: idleMiB, most: mostMiB },
});

/** How fast we are of the peer: 1 is as fast. */
function ratio(way: 'up' | 'down'): number {
  const [own = [], other = []] = [times[`stockpot ${way}`], times[`nginx ${way}`]];
  return Number((quantile(other, 0.5) / quantile(own, 0.5)).toFixed(2));
}

/** Until what curl wrote, or had written, is on the disk. */
async function take(what: string, args: readonly string[]): Promise<void> {
  const watch = setInterval(() => {
    mostMiB = Math.max(mostMiB, server.memory());
  }, 50);
  const started = performance.now();
  await execa('curl', ['-sSf', ...args]);
  await execa('sync');
  (times[what] ??= []).push((performance.now() - started) / 1000);
  clearInterval(watch);
}

function* blocks(): Generator<Buffer> {
  const block = Buffer.alloc(1024 * 1024);
  for (let index = 0; index < MIB; index += 1) {
    for (let at = 0; at < block.length; at += 4096) block.writeUInt32LE(index * 256 + at / 4096, at);
    yield Buffer.from(block);
  }
}

/** nginx in the foreground, which takes and gives the files of a folder. */
function nginx(dir: string): Contender {
  return {
    name: 'nginx',
    argv: (port) => {
      for (const name of ['files', 'temp']) mkdirSync(join(dir, name), { recursive: true });
      writeFileSync(join(dir, 'files/health'), 'OK');
      const config = join(dir, 'nginx.conf');
      writeFileSync(
        config,
        `daemon off; pid ${dir}/pid; error_log ${dir}/error.log; user root;
         events {}
         http {
           access_log off; sendfile on; client_max_body_size 0; client_body_temp_path ${dir}/temp;
           server { listen 127.0.0.1:${port}; root ${dir}/files; location / { dav_methods PUT; } }
         }`,
      );
      return ['nginx', '-c', config];
    },
  };
}
