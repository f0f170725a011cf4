import { spawn } from 'node:child_process';
import { freePort } from './free-port.ts';

/** MLflow's own server, on an empty SQLite database; ready when its health check says so. */
export async function realServer(
  python: string,
  cwd: string,
  env: Readonly<Record<string, string>> = {},
  ...more: readonly string[]
): Promise<AsyncDisposable & { readonly url: string }> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const store = ['--backend-store-uri', 'sqlite:///mlflow.db', '--serve-artifacts'];
  const args = [
    '-m',
    'mlflow',
    'server',
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--workers',
    '1',
    ...store,
    ...more,
  ];
  const server = spawn(python, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  const booted = new Promise<void>((resolve) =>
    server.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      // The first is gunicorn's, the second uvicorn's.
      if (/Booting worker|startup complete/.test(said)) resolve();
    }),
  );
  const ended = new Promise((resolve) => server.once('exit', resolve));
  const kill = (): void => {
    // It starts processes of its own, which are in its group.
    if (server.pid !== undefined && server.exitCode === null) process.kill(-server.pid, 'SIGKILL');
  };
  // A test that ran out of time never comes to its end, nor would the server.
  process.once('exit', kill);
  const end = async (): Promise<void> => {
    process.off('exit', kill);
    kill();
    await ended;
  };
  await Promise.race([booted, ended]);
  for (;;) {
    const isReady = await fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return { url, [Symbol.asyncDispose]: end };
    if (server.exitCode !== null) throw new Error(`mlflow server ended: ${said}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
