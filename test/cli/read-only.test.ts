import { chmod, chown, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { checkHome } from '../rigs/check-home.ts';
import { CliRig, type Outcome, outcomesOf } from '../rigs/cli-rig.ts';

const BIN = join(import.meta.dirname, '../../bin/recipe.js');
const NOBODY = 65_534;

/** Permissions do not bind root: it has to become somebody else. Undefined if it cannot. */
async function asNobody(): Promise<readonly string[] | undefined> {
  if (process.getuid?.() !== 0) return [];
  const prefix = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  const { exitCode } = await execa('setpriv', [...prefix.slice(1), process.execPath, BIN, '--version'], {
    reject: false,
    env: { HOME: '/' },
  });
  return exitCode === 0 ? prefix : undefined;
}

const prefix = await asNobody();

const RECIPE = `steps:
  one: { run: "echo 1 > $OUT_x", outputs: { x: x.txt } }
  two: { run: "cat $IN_x > $OUT_y", inputs: { x: one.x }, outputs: { y: y.txt } }
`;

class ReadOnlyRig implements AsyncDisposable {
  readonly cli: CliRig;

  constructor(cli: CliRig) {
    this.cli = cli;
  }

  static async create(): Promise<ReadOnlyRig> {
    const cli = await CliRig.create({ 'project/recipe.yaml': RECIPE });
    cli.env['STOCKPOT_HOME'] = join(cli.dir, 'home');
    cli.env['STOCKPOT_CACHE'] = join(cli.dir, 'cache');
    for (const name of ['home', 'cache']) await mkdir(join(cli.dir, name));
    const rig = new ReadOnlyRig(cli);
    await rig.set('.', true);
    return rig;
  }

  /** Gives a folder and all in it to whoever runs the commands, to write or only to read. */
  async set(name: string, writable: boolean): Promise<void> {
    const root = join(this.cli.dir, name);
    for (const path of [root, ...(await readdir(root, { recursive: true })).map((one) => join(root, one))]) {
      const isFolder = (await stat(path)).isDirectory();
      if (process.getuid?.() === 0) await chown(path, NOBODY, NOBODY);
      await chmod(path, isFolder ? (writable ? 0o755 : 0o555) : writable ? 0o644 : 0o444);
    }
  }

  async recipe(...args: string[]): Promise<Outcome> {
    const [program = process.execPath, ...rest] = [...(prefix ?? []), process.execPath, BIN, ...args];
    const { exitCode, signal, stdout, stderr } = await execa(program, rest, {
      cwd: join(this.cli.dir, 'project'),
      env: { PATH: process.env['PATH'] ?? '', HOME: '/', ...this.cli.env },
      extendEnv: false,
      reject: false,
      stripFinalNewline: false,
    });
    return { exit: exitCode, signal, out: stdout, err: stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.set('.', true);
    await this.cli[Symbol.asyncDispose]();
  }
}

/** What a command does to folders it may only read, after a run and before another one. */
const CASES: readonly {
  readonly readOnly: string;
  readonly command: readonly string[];
  readonly change?: string;
  readonly exit: number;
  readonly says?: RegExp;
}[] = [
  { readOnly: 'project', command: ['run'], exit: 0 },
  { readOnly: 'project', command: ['run', '--force'], exit: 0 },
  { readOnly: 'home', command: ['run'], exit: 69, says: /HOME_READ_ONLY/ },
  { readOnly: 'home', command: ['status'], exit: 69, says: /HOME_READ_ONLY/ },
  { readOnly: 'home', command: ['cache', 'gc'], exit: 69, says: /HOME_READ_ONLY/ },
  { readOnly: 'home', command: ['doctor'], exit: 69, says: /problem {2}home/ },
  { readOnly: 'cache', command: ['status'], exit: 0 },
  { readOnly: 'cache', command: ['run'], exit: 0 },
  { readOnly: 'cache', command: ['run', '--force'], exit: 1, says: /read-only|EACCES|permission denied/ },
  { readOnly: 'cache', command: ['cache', 'fsck'], exit: 0 },
  { readOnly: 'cache', command: ['cache', 'gc', '--max-size', '0B'], exit: 0 },
];

describe.skipIf(prefix === undefined)('folders that may only be read', () => {
  test.each(CASES)('$readOnly: recipe $command exits with $exit, and nothing is lost', async (row) => {
    await using rig = await ReadOnlyRig.create();
    expect((await rig.recipe('run')).exit).toBe(0);
    await rig.set(row.readOnly, false);
    const { exit, out, err } = await rig.recipe(...row.command);
    expect([exit, out + err]).toEqual([row.exit, expect.stringMatching(row.says ?? /^/)]);
    expect(out + err).not.toContain('    at ');
    await rig.set('.', true);
    expect(outcomesOf((await rig.recipe('run', '--json')).out)).toEqual({ one: 'cached', two: 'cached' });
    expect(
      checkHome(join(rig.cli.dir, 'home'), { cache: join(rig.cli.dir, 'cache'), collected: true }),
    ).toEqual([]);
  });

  test('a project that may only be read, with its home inside: an error that says so', async () => {
    await using rig = await ReadOnlyRig.create();
    delete rig.cli.env['STOCKPOT_HOME'];
    delete rig.cli.env['STOCKPOT_CACHE'];
    await rig.set('project', false);
    const { exit, err } = await rig.recipe('run');
    expect([exit, err]).toEqual([69, expect.stringContaining('HOME_READ_ONLY')]);
  });
});
