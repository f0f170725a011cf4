import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/** A token for a server, by its origin as `https://mlflow.example.com`. */
export interface Credential {
  readonly token: string;
  readonly username: string;
  /** Milliseconds since the Unix epoch; undefined where it is not known. */
  readonly expiresAt?: number | undefined;
}

/** The file where `recipe login` keeps tokens: readable by its owner alone. */
export function credentialsPath(env: Env): string {
  const config = env['XDG_CONFIG_HOME'] ?? join(env['HOME'] ?? homedir(), '.config');
  return join(config, 'stockpot', 'credentials.json');
}

export function readCredential(env: Env, origin: string): Credential | undefined {
  return readAll(env)[origin];
}

/** Keeps a token, or forgets it; whoever reads meanwhile sees one or the other. */
export function writeCredential(env: Env, origin: string, credential: Credential | undefined): void {
  const { [origin]: _, ...others } = readAll(env);
  const all = credential === undefined ? others : { ...others, [origin]: credential };
  const path = credentialsPath(env);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.new`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, `${JSON.stringify(all, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  chmodSync(temporary, 0o600);
  renameSync(temporary, path);
}

function readAll(env: Env): Readonly<Record<string, Credential>> {
  const path = credentialsPath(env);
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, Credential>;
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return {};
    throw error;
  }
}
