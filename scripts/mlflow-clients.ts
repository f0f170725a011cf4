import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * `npm run test:python`: what Stockpot writes, read back by MLflow's own client. Python's packages go into a
 * virtual environment below `node_modules`, kept for as long as requirements and interpreter are the same.
 * Where that cannot be had the tests are skipped, with the reason.
 */
const ROOT = join(import.meta.dirname, '..');
/** By the variable that tells tests of the interpreter. */
const ENVIRONMENTS = {
  STOCKPOT_TEST_PYTHON: 'requirements.txt',
  STOCKPOT_TEST_PYTHON_MLFLOW3: 'requirements-mlflow3.txt',
  STOCKPOT_TEST_PYTHON_S3: 'requirements-s3.txt',
} as const;
/** For which all that is pinned exists ready-built. */
const VERSIONS = /^3\.1[123]\./;

interface Interpreter {
  readonly command: string;
  readonly version: string;
}

process.exitCode = main();

function main(): number {
  const interpreter = usableInterpreter() ?? (installOnDebian() ? usableInterpreter() : undefined);
  if (interpreter === undefined)
    return skip(
      'there is no python3 of version 3.11 to 3.13 with venv: install it, on Debian with `apt-get install python3-venv`',
    );
  const env = { ...process.env };
  for (const [variable, requirements] of Object.entries(ENVIRONMENTS)) {
    const environment = join(
      ROOT,
      'node_modules/.cache',
      requirements.replace('.txt', '').replace('requirements', 'test-python'),
    );
    const problem = prepare(interpreter, environment, join(ROOT, 'test/python', requirements));
    if (problem !== undefined) return skip(problem);
    env[variable] = join(environment, 'bin/python');
  }
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/python', ...process.argv.slice(2)], {
    cwd: ROOT,
    stdio: 'inherit',
    env,
  });
  return status ?? 1;
}

/** Debian ships `venv` without what it needs, so that is asked for too. */
function usableInterpreter(): Interpreter | undefined {
  const script = 'import ensurepip, sys, venv; print(sys.version.split()[0])';
  for (const command of ['python3', '/usr/bin/python3', 'python3.13', 'python3.12', 'python3.11']) {
    const { status, stdout } = spawnSync(command, ['-c', script], { encoding: 'utf8' });
    const version = status === 0 ? stdout.trim() : '';
    if (VERSIONS.test(version)) return { command, version };
  }
  return undefined;
}

function installOnDebian(): boolean {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return [['update'], ['install', '--yes', '--no-install-recommends', 'python3', 'python3-venv']].every(
    (step) => spawnSync('apt-get', ['--quiet=2', ...step], { env, stdio: 'ignore' }).status === 0,
  );
}

/** Makes the environment, or leaves the one that is there. Gives what went wrong. */
function prepare({ command, version }: Interpreter, environment: string, list: string): string | undefined {
  const stampFile = join(environment, 'stamp.json');
  const stamp = JSON.stringify({ version, requirements: readFileSync(list, 'utf8') });
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return undefined;
  rmSync(environment, { recursive: true, force: true });
  mkdirSync(environment, { recursive: true });
  const python = join(environment, 'bin/python');
  const steps = [
    [command, '-m', 'venv', environment],
    [python, '-m', 'pip', 'install', '--quiet', '--only-binary', ':all:', '-r', list],
  ] as const;
  for (const [program, ...args] of steps) {
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', cwd: environment });
    if (status !== 0)
      return `\`${program} ${args.join(' ')}\` failed: ${`${stdout}\n${stderr}`.trim().split('\n').at(-1)}`;
  }
  // Last: an environment that is half made is made again.
  writeFileSync(stampFile, stamp);
  return undefined;
}

function skip(reason: string): number {
  process.stdout.write(`test:python skipped: ${reason}\n`);
  return 0;
}
