import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { shardPath } from '../../src/store/layout.ts';
import { CliRig } from './cli-rig.ts';
import { type Damage, damageFile, damageObject } from './damage.ts';
import { freePort } from './free-port.ts';
import { S3Server } from './s3-server.ts';
import { ServerProcess } from './server-process.ts';

/** The cache that the machines of a fleet share, and what a test does to it from outside. */
export interface SharedStore extends AsyncDisposable {
  /** What a machine's environment says of it. */
  readonly env: Readonly<Record<string, string>>;
  /** Nobody reaches it any more, until it is back with all that it had. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  /** Blobs that were put there since then, in milliseconds since the Unix epoch; in order of their digests. */
  blobsSince(at: number): readonly string[];
  /** Injures a blob that it has: what happens to which byte, as `damageFile` has it. */
  damage(digest: string, how: Damage, at?: number): Promise<void>;
  /** It gives what it has and takes nothing, until it is opened again. */
  close(): Promise<void>;
  reopen(): Promise<void>;
}

/** @param dir a folder for it alone */
export type StartStore = (dir: string) => Promise<SharedStore>;

/** A folder that all machines see. Only root can close it. */
export const startFolder: StartStore = async (dir) => {
  const path = join(dir, 'shared');
  mkdirSync(path);
  let isMounted = false;
  const remount = (how: string): void => void execFileSync('mount', ['-o', how, path, path]);
  const unmount = (): void => {
    if (isMounted) execFileSync('umount', [path]);
    isMounted = false;
  };
  return {
    env: { STOCKPOT_REMOTE: path },
    goAway: async () => renameSync(path, `${path}-away`),
    comeBack: async () => renameSync(`${path}-away`, path),
    blobsSince: (at) => filesSince(join(path, 'cas'), at),
    damage: async (digest, how, at) => damageFile(shardPath(join(path, 'cas'), digest), how, at),
    close: async () => {
      remount('bind');
      isMounted = true;
      remount('remount,bind,ro');
    },
    reopen: async () => unmount(),
    [Symbol.asyncDispose]: async () => {
      unmount();
      rmSync(path, { recursive: true });
    },
  };
};

function filesSince(cas: string, at: number): string[] {
  return globSync('[0-9a-f][0-9a-f]/*', { cwd: cas })
    .filter((name) => (statSync(join(cas, name), { throwIfNoEntry: false })?.mtimeMs ?? 0) >= at)
    .map((name) => basename(name))
    .toSorted();
}

export const startS3: StartStore = async () => {
  const server = await S3Server.start();
  return {
    env: environmentOf(server, 's3://bucket/fleet'),
    goAway: async () => server.stop(),
    comeBack: async () => server.startAgain(),
    blobsSince: (at) =>
      [...server.objects]
        .filter(([path, { modifiedAt }]) => path.startsWith('bucket/fleet/cas/') && modifiedAt >= at)
        .map(([path]) => basename(path))
        .toSorted(),
    damage: async (digest, how, at) =>
      damageObject(server, `bucket/fleet/${shardPath('cas', digest)}`, how, at),
    close: async () => {
      server.fault = ({ method }) =>
        method === 'GET' || method === 'HEAD' ? undefined : { status: 403, code: 'AccessDenied' };
    },
    reopen: async () => {
      server.fault = () => undefined;
    },
    [Symbol.asyncDispose]: async () => server.stop(),
  };
};

/** How a machine reaches what lies at an address of a server. */
export function environmentOf(server: S3Server, address: string): Record<string, string> {
  return { STOCKPOT_REMOTE: address, ...keysTo(server) };
}

/** What a machine needs to be let in, whatever its profiles say of addresses. */
export function keysTo({ key, endpoint }: S3Server): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: key.id,
    AWS_SECRET_ACCESS_KEY: key.secret,
    AWS_ENDPOINT_URL_S3: endpoint,
  };
}

/** `recipe server`, which one user signs in to. */
export const startServed: StartStore = async () => {
  const home = await CliRig.create();
  const port = String(await freePort());
  await home.recipe('server', 'user', 'add', 'fleet');
  const token = (await home.recipe('server', 'token', 'add', 'fleet')).out.trim();
  const start = async (): Promise<ServerProcess> => ServerProcess.start(home, '--port', port);
  const setRole = async (role: string): Promise<void> =>
    void (await home.recipe('server', 'user', 'set', 'fleet', '--role', role));
  let server = await start();
  return {
    env: { STOCKPOT_REMOTE: server.url, STOCKPOT_REMOTE_TOKEN: token },
    goAway: async () => void (await server.end('SIGKILL')),
    comeBack: async () => {
      server = await start();
    },
    blobsSince: (at) => filesSince(join(home.dir, '.stockpot/cache/cas'), at),
    damage: async (digest, how, at) =>
      damageFile(shardPath(join(home.dir, '.stockpot/cache/cas'), digest), how, at),
    close: async () => setRole('viewer'),
    reopen: async () => setRole('member'),
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
    },
  };
};
