import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeProject } from './make-project.ts';

/**
 * A run in which nothing has changed beside Turborepo, Snakemake and DVC on the same graph: so many steps
 * that touch a file, ten input files each, one in ten after another. What is on the PATH takes part:
 * `PATH=VENV/bin:TURBO/node_modules/.bin:$PATH npm run bench:peers -- 1000`. Turborepo's first run starts npm
 * once a step and takes minutes. DVC's lock file is written here, as its own first run would take longer
 * than the rest together. Each graph is committed to a git repository of its own, as it would be at work:
 * Turborepo asks git which files there are, Stockpot whether any is uncommitted. Medians of 5, in turn.
 */
const BIN = join(import.meta.dirname, '../bin/recipe.js');
const STEPS = Number(process.argv[2] ?? 1000);
const FILES = 10;
const ROUNDS = 5;

interface Contender {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Lays the graph out below `dir`, where the files of `data/` are. */
  readonly prepare: (dir: string) => void;
  /** In what a run that did nothing prints. */
  readonly proof: RegExp;
}

const contenders: readonly Contender[] = [
  {
    name: 'stockpot',
    program: process.execPath,
    args: [BIN, 'run'],
    prepare: (dir) => makeProject(dir, STEPS, FILES),
    proof: new RegExp(`^${STEPS.toLocaleString('en')} cached`, 'm'),
  },
  {
    name: 'turborepo',
    program: 'turbo',
    args: ['run', 'build', '--output-logs=none'],
    prepare: prepareTurborepo,
    proof: />>> FULL TURBO/,
  },
  {
    name: 'snakemake',
    program: 'snakemake',
    args: ['-c2'],
    prepare: prepareSnakemake,
    proof: /Nothing to be done/,
  },
  { name: 'dvc', program: 'dvc', args: ['repro'], prepare: prepareDvc, proof: /are up to date/ },
];

const root = mkdtempSync(join(tmpdir(), 'bench-'));
try {
  const present = contenders.filter(({ program }) => spawnSync(program, ['--version']).error === undefined);
  for (const one of present) {
    const dir = join(root, one.name);
    makeProject(dir, STEPS, FILES);
    one.prepare(dir);
    commitAll(dir);
    // The first makes the outputs; what it wrote is young enough to be looked at again by the second.
    time(dir, one, false);
    time(dir, one, false);
  }
  const times = new Map(present.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round += 1)
    for (const one of present) times.get(one.name)?.push(time(join(root, one.name), one, true));
  const medians = [...times].map(
    ([name, values]) => [name, values.toSorted((a, b) => a - b)[2] ?? 0] as const,
  );
  const ours = medians[0]?.[1] ?? 0;
  console.table(medians.map(([name, ms]) => ({ name, ms, timesStockpot: Number((ms / ours).toFixed(1)) })));
  for (const { name } of contenders) if (!times.has(name)) console.log(`${name}: not on the PATH`);
} finally {
  rmSync(root, { recursive: true });
}

function time(cwd: string, { name, program, args, proof }: Contender, mustBeIdle: boolean): number {
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DVC_NO_ANALYTICS: '1' },
  });
  const ms = Math.round(performance.now() - started);
  if (status !== 0) throw new Error(`${name} exited with ${status}: ${stderr.slice(-500)}`);
  if (mustBeIdle && !proof.test(stdout + stderr))
    throw new Error(`${name} did something: ${(stdout + stderr).slice(-500)}`);
  return ms;
}

function commitAll(dir: string): void {
  const written = ['.stockpot', '.turbo', '.snakemake', '.dvc', 'out', 'o.txt', 'node_modules'];
  writeFileSync(join(dir, '.gitignore'), `${written.join('\n')}\n`);
  const who = ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost'];
  for (const args of [
    ['init', '-q'],
    ['add', '-A'],
    [...who, 'commit', '-q', '-m', 'all'],
  ]) {
    const { status, stderr } = spawnSync('git', args, { cwd: dir, encoding: 'utf8' });
    if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
  }
}

function inputsOf(n: number): string[] {
  return Array.from({ length: FILES }, (_, k) => `data/${n}-${k}.txt`);
}

/** A package a step, its files in it, as Turborepo hashes packages. */
function prepareTurborepo(dir: string): void {
  const write = (path: string, value: unknown): void => writeFileSync(join(dir, path), JSON.stringify(value));
  write('package.json', {
    name: 'root',
    private: true,
    packageManager: 'npm@10.9.0',
    workspaces: ['packages/*'],
  });
  write('turbo.json', { tasks: { build: { dependsOn: ['^build'], outputs: ['o.txt'] } } });
  const packages: Record<string, object> = { '': { name: 'root', workspaces: ['packages/*'] } };
  for (let n = 0; n < STEPS; n += 1) {
    const home = `packages/s${n}`;
    mkdirSync(join(dir, home), { recursive: true });
    for (const file of inputsOf(n))
      writeFileSync(join(dir, home, file.slice('data/'.length)), readFileSync(join(dir, file)));
    const dependencies = n % 10 === 9 ? { [`s${n - 1}`]: '1.0.0' } : {};
    write(`${home}/package.json`, {
      name: `s${n}`,
      version: '1.0.0',
      scripts: { build: 'touch o.txt' },
      dependencies,
    });
    packages[home] = { name: `s${n}`, version: '1.0.0', dependencies };
    packages[`node_modules/s${n}`] = { resolved: home, link: true };
  }
  write('package-lock.json', { name: 'root', lockfileVersion: 3, requires: true, packages });
}

function prepareSnakemake(dir: string): void {
  mkdirSync(join(dir, 'out'));
  const all = Array.from({ length: STEPS }, (_, n) => `"out/${n}"`);
  const rules = all.map((out, n) => {
    const inputs = inputsOf(n).map((file) => `"${file}"`);
    if (n % 10 === 9) inputs.push(`"out/${n - 1}"`);
    return `rule s${n}:\n    input: ${inputs.join(', ')}\n    output: ${out}\n    shell: "touch {output}"\n`;
  });
  writeFileSync(join(dir, 'Snakefile'), `rule all:\n    input: ${all.join(', ')}\n\n${rules.join('\n')}`);
}

function prepareDvc(dir: string): void {
  mkdirSync(join(dir, 'out'));
  const { status, stderr } = spawnSync('dvc', ['init', '--no-scm', '-q'], { cwd: dir, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  const empty = { md5: createHash('md5').update('').digest('hex'), size: 0 };
  const [stages, lock]: [Record<string, object>, Record<string, object>] = [{}, {}];
  for (let n = 0; n < STEPS; n += 1) {
    const [out, cmd] = [`out/${n}`, `touch out/${n}`];
    writeFileSync(join(dir, out), '');
    const before = n % 10 === 9 ? [`out/${n - 1}`] : [];
    stages[`s${n}`] = { cmd, deps: [...inputsOf(n), ...before], outs: [out] };
    const deps = inputsOf(n).map((path) => {
      const bytes = readFileSync(join(dir, path));
      return { path, hash: 'md5', md5: createHash('md5').update(bytes).digest('hex'), size: bytes.length };
    });
    deps.push(...before.map((path) => ({ path, hash: 'md5', ...empty })));
    lock[`s${n}`] = { cmd, deps, outs: [{ path: out, hash: 'md5', ...empty }] };
  }
  // JSON is YAML.
  writeFileSync(join(dir, 'dvc.yaml'), JSON.stringify({ stages }));
  writeFileSync(join(dir, 'dvc.lock'), JSON.stringify({ schema: '2.0', stages: lock }));
  const objects = join(dir, '.dvc/cache/files/md5', empty.md5.slice(0, 2));
  mkdirSync(objects, { recursive: true });
  writeFileSync(join(objects, empty.md5.slice(2)), '');
}
