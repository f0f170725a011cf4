import { spawnSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { findProject } from '../recipe/address.ts';
import { profileAddresses, profileFleet, profileRemote } from '../recipe/profile-addresses.ts';
import { formatBytes } from '../report/text/format.ts';
import type { Check } from './check.ts';
import { checkCache } from './check-cache.ts';
import { type Context, flag, type Parsed, text } from './context.ts';

/** `recipe doctor` */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { args, options } = parsed;
  const isFleet = flag(options, 'fleet');
  if (args[0] !== undefined && !isFleet)
    throw new RecipeError('USAGE', { problem: 'RECIPE goes with --fleet', command: 'doctor' });
  const projectDir = findProject(context.cwd) ?? context.cwd;
  const home = context.env['STOCKPOT_HOME'] ?? join(projectDir, '.stockpot');
  const checks = [
    {
      name: 'node',
      ok: Number(process.versions.node.split('.')[0]) >= 24,
      detail: `${process.version} at ${context.node}`,
    },
    sqlite(),
    folder(home),
    ...['index.db', 'tracking.db', 'ledger.db'].flatMap((name) => database(home, name)),
    await duckdb(),
    ...(await shared(projectDir, home, parsed, context)),
    program('bash', 'shell steps need it'),
    program('git', 'runs are labelled with the commit'),
    program('python3', 'only steps in Python need it'),
  ];
  if (flag(options, 'json')) context.out(`${JSON.stringify(checks)}\n`);
  else context.out(checks.map(describe).join(''));
  return checks.every(({ ok }) => ok) ? ExitCode.ok : ExitCode.unavailable;
}

const INDENT = ' '.repeat(9);

function describe({ name, ok, detail, fix }: Check): string {
  const word = ok ? (fix === undefined ? 'ok' : 'advice') : 'problem';
  const line = `${word.padEnd(7)}  ${name.padEnd(11)}  ${detail}\n`;
  return fix === undefined ? line : `${line}${INDENT}${' '.repeat(11)}  ${fix}\n`;
}

/** SQLite before 3.51.3 can corrupt a database in WAL mode. */
function sqlite(): Check {
  const db = new DatabaseSync(':memory:');
  const version = String(db.prepare('SELECT sqlite_version() AS version').get()?.['version']);
  db.close();
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return { name: 'sqlite', ok: major * 1e6 + minor * 1e3 + patch >= 3_051_003, detail: version };
}

/** What the store needs of its disk: hard links, renames, room. */
function folder(home: string): Check {
  try {
    mkdirSync(home, { recursive: true });
    const dir = mkdtempSync(join(home, 'doctor-'));
    writeFileSync(join(dir, 'a'), '');
    linkSync(join(dir, 'a'), join(dir, 'b'));
    renameSync(join(dir, 'b'), join(dir, 'c'));
    rmSync(dir, { recursive: true });
    const { bavail, bsize } = statfsSync(home);
    return { name: 'home', ok: true, detail: `${home}, ${formatBytes(bavail * bsize)} free` };
  } catch (error) {
    return {
      name: 'home',
      ok: false,
      detail: `${home}: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

/** What SQLite finds in a database that is there already. */
function database(home: string, name: string): Check[] {
  const path = join(home, name);
  if (!existsSync(path)) return [];
  let detail: string;
  try {
    const db = new DatabaseSync(path, { timeout: 10_000 });
    detail = String(db.prepare('PRAGMA quick_check(1)').get()?.['quick_check']);
    db.close();
  } catch (error) {
    detail = error instanceof Error ? error.message : String(error);
  }
  return [{ name, ok: detail === 'ok', detail: `${path}: ${detail}` }];
}

/** What the profile shares with other machines: a cache, and with `--fleet` queues, workers, databases and servers. */
async function shared(projectDir: string, home: string, parsed: Parsed, context: Context): Promise<Check[]> {
  const profile = text(parsed.options, 'profile');
  const remote = profileRemote(projectDir, profile);
  if (!flag(parsed.options, 'fleet')) return checkCache(remote, { projectDir, home }, context);
  const redis = profileFleet(projectDir, profile);
  const addresses = profileAddresses(projectDir, profile);
  // The others need no Redis.
  const { checkFleet } = await import('./check-fleet.ts');
  return checkFleet({ projectDir, home, redis, remote, addresses }, parsed, context);
}

async function duckdb(): Promise<Check> {
  try {
    const { version } = await import('@duckdb/node-api');
    return { name: 'duckdb', ok: true, detail: version() };
  } catch (error) {
    return { name: 'duckdb', ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

function program(name: string, why: string): Check {
  const { status, stdout } = spawnSync(name, ['--version'], { encoding: 'utf8' });
  return status === 0
    ? { name, ok: true, detail: stdout.split('\n')[0] ?? '' }
    : { name, ok: name !== 'bash', detail: `not found: ${why}` };
}
