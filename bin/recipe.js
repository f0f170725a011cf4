#!/usr/bin/env node
// Plain JavaScript that an old Node can read: it only finds the Node that can run the rest.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const OLDEST = 24;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [, , first] = process.argv;

if (first === '--version' || first === '-V') {
  process.stdout.write(`${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version}\n`);
} else if (Number(process.versions.node.split('.')[0]) >= OLDEST) {
  await start();
} else {
  const node = ownNode();
  if (node === undefined) {
    process.stderr.write(
      `recipe needs Node ${OLDEST} or newer, this is ${process.versions.node}: install it from nodejs.org, or run \`npm install\` without --omit=optional\n`,
    );
    process.exitCode = 69;
  } else handOver(node);
}

async function start() {
  // A young generation that grows to 64 MiB of garbage is most of what a large plan would take.
  setFlagsFromString('--semi-space-growth-factor=1');
  // Compiled code is kept between starts: in the user's cache, as the package may be read-only.
  const cache = process.env.XDG_CACHE_HOME || (homedir() === '/' ? tmpdir() : join(homedir(), '.cache'));
  module.enableCompileCache?.(join(cache, 'stockpot', 'compile'));
  // The repository is run from its source; a published package has none but dist/.
  const source = join(root, 'src', 'cli', 'main.ts');
  const inPackage = root.split(/[\\/]/).includes('node_modules');
  const built = join(root, 'dist', 'src', 'cli', 'main.js');
  const { main } = await import(!inPackage && existsSync(source) ? `file://${source}` : `file://${built}`);
  await main();
}

/** Node as an optional dependency of this package, under the names its platforms have. */
function ownNode() {
  const require = createRequire(import.meta.url);
  const { platform, arch } = process;
  for (const name of [`node-${platform}-${arch}`, `node-bin-${platform}-${arch}`]) {
    try {
      const path = join(dirname(require.resolve(`${name}/package.json`)), 'bin', 'node');
      if (existsSync(path)) return path;
    } catch {
      // Not installed: the next name, or the message.
    }
  }
  return undefined;
}

function handOver(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? (code ?? 70) : 128 + 2;
  });
}
