import { existsSync, globSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { FleetRig, Gate } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const HOUR_MS = 3_600_000;
const NONE = { count: 0, leftovers: 0, notes: 0, bytes: 0 };

/** A step that leaves five bytes and fails while there is a file `broken`; it goes on from what it left. */
async function training(): Promise<CliRig> {
  const rig = await CliRig.create({
    'recipe.yaml': `steps:
  a:
    run: 'printf 12345 > "$CHECKPOINT/half"; if [ -e "$D/broken" ]; then exit 1; fi; echo done > "$OUT_a"'
    outputs: { a: a.txt }
    checkpoint: true
    pass_env: D
`,
  });
  rig.env['D'] = rig.dir;
  return rig;
}

/** What a run left that failed half-way. */
async function halfWay(...args: string[]): Promise<{ rig: CliRig; folder: string }> {
  const rig = await training();
  await rig.write('broken', '');
  await rig.run(...args);
  return { rig, folder: checkpointOf(rig) };
}

function checkpointOf(rig: CliRig): string {
  const dir = join(rig.dir, '.stockpot/checkpoints');
  const [name = ''] = readdirSync(dir);
  return join(dir, name);
}

function age(folder: string, ms: number): void {
  const at = new Date(Date.now() - ms);
  for (const path of [...globSync('**', { cwd: folder }).map((name) => join(folder, name)), folder])
    utimesSync(path, at, at);
}

async function gc(rig: CliRig, ...args: string[]): Promise<unknown> {
  const { out, err } = await rig.recipe('cache', 'gc', '--json', ...args);
  expect(err).toBe('');
  return (JSON.parse(out) as { checkpoints: unknown }).checkpoints;
}

describe('gc takes a checkpoint', () => {
  test('of a task whose result was there after it: its run was killed before it could', async () => {
    await using rig = await training();
    rig.env['STOCKPOT_FAILPOINT'] = 'attempt.published';
    await rig.recipe('run');
    delete rig.env['STOCKPOT_FAILPOINT'];
    const folder = checkpointOf(rig);
    expect(await gc(rig, '--dry-run')).toEqual({ ...NONE, count: 1, bytes: 5 });
    expect((await rig.recipe('cache', 'gc', '-n')).out).toMatch(
      /^would remove .*, and 1 checkpoints \(5 B\)\n$/,
    );
    expect(existsSync(join(folder, 'half'))).toBe(true);
    // Though gc takes the result, too: the run that was killed did not come to say that it is the last of its step.
    expect(await gc(rig, '--max-size', '0B')).toEqual({ ...NONE, count: 1, bytes: 5 });
    expect(readdirSync(join(rig.dir, '.stockpot/checkpoints'))).toEqual([]);
    expect(await gc(rig)).toEqual(NONE);
    expect((await rig.recipe('cache', 'gc')).out).not.toContain('checkpoints');
  });

  test('that nobody came back to for a week, and its note, where there is no result', async () => {
    const { rig, folder } = await halfWay();
    await using _ = rig;
    const note = join(rig.dir, '.stockpot/saved-checkpoints', basename(folder));
    await rig.write(`.stockpot/saved-checkpoints/${basename(folder)}`, '3');
    age(folder, 6 * 24 * HOUR_MS);
    expect(await gc(rig)).toEqual(NONE);
    age(folder, 8 * 24 * HOUR_MS);
    utimesSync(join(folder, 'half'), new Date(), new Date());
    expect(await gc(rig)).toEqual(NONE);
    age(folder, 8 * 24 * HOUR_MS);
    expect(await gc(rig, '--dry-run')).toEqual({ count: 1, leftovers: 0, notes: 1, bytes: 5 });
    expect(await gc(rig)).toEqual({ count: 1, leftovers: 0, notes: 1, bytes: 5 });
    expect([existsSync(folder), existsSync(note)]).toEqual([false, false]);
  });

  test('once a day after a run, however small the cache is', async () => {
    const { rig, folder } = await halfWay();
    await using _ = rig;
    await rig.write('recipes/quick/recipe.yaml', 'steps: { b: { run: ["true"] } }\n');
    await execa('mkfifo', [join(rig.dir, 'go')]);
    const gate = new Gate(join(rig.dir, 'go'));
    await rig.write('recipes/slow/recipe.yaml', `steps: { c: { run: 'read go < "$D/go"', pass_env: D } }\n`);
    const slow = new FollowedRun(rig, 'slow');
    await slow.until(({ type }) => type === 'step.started');
    // While a driver lives, no other clears away what is old.
    age(folder, 8 * 24 * HOUR_MS);
    await rig.run('quick');
    expect(existsSync(folder)).toBe(true);
    age(join(rig.dir, '.stockpot/last-gc'), 25 * HOUR_MS);
    await rig.run('quick');
    expect(existsSync(folder)).toBe(false);
    await gate.open();
    expect((await slow.end()).exit).toBe(0);
  });

  test('that is half removed or half brought, and notes of what is not there', async () => {
    const { rig, folder } = await halfWay();
    await using _ = rig;
    const half = `${folder}-0b0c7b5e-9b0a-4a53-8f5c-0a3a3a3f0b0c`;
    mkdirSync(half);
    writeFileSync(join(half, 'x'), '123');
    const other = 'a'.repeat(64);
    await rig.write(`.stockpot/saved-checkpoints/${other}`, '7');
    await rig.write(`.stockpot/saved-checkpoints/${basename(folder)}`, '7');
    // What is no name of ours is nobody's business.
    await rig.write('.stockpot/checkpoints/notes.txt', 'mine');
    expect(await gc(rig, '-n')).toEqual({ count: 0, leftovers: 1, notes: 1, bytes: 3 });
    expect((await rig.recipe('cache', 'gc')).out).toMatch(
      /, and 1 leftovers of checkpoints \(3 B\), 1 notes of checkpoints\n$/,
    );
    expect(readdirSync(join(rig.dir, '.stockpot/checkpoints')).toSorted()).toEqual(
      [basename(folder), 'notes.txt'].toSorted(),
    );
    expect(readdirSync(join(rig.dir, '.stockpot/saved-checkpoints'))).toEqual([basename(folder)]);
  });
});

describe('gc leaves a checkpoint', () => {
  test('that is newer than the result: somebody makes it again, and goes on from there', async () => {
    await using rig = await training();
    expect(await rig.run()).toEqual({ a: 'succeeded' });
    await rig.write('broken', '');
    expect(await rig.run('--force')).toEqual({ a: 'failed' });
    expect(await gc(rig)).toEqual(NONE);
    expect(existsSync(join(checkpointOf(rig), 'half'))).toBe(true);
    // As if it had been left before the result was there.
    age(checkpointOf(rig), HOUR_MS);
    expect(await gc(rig)).toEqual({ ...NONE, count: 1, bytes: 5 });
  });

  test('whose result has lost its bytes: it has to be made again', async () => {
    await using rig = await training();
    rig.env['STOCKPOT_FAILPOINT'] = 'attempt.published';
    await rig.recipe('run');
    delete rig.env['STOCKPOT_FAILPOINT'];
    for (const blob of globSync('.stockpot/cache/cas/??/*', { cwd: rig.dir }))
      if ((await rig.read(blob)) === 'done\n') await execa('rm', ['-f', join(rig.dir, blob)]);
    expect(await gc(rig)).toEqual(NONE);
  });

  test('that a step uses, however old its files are', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps: { a: { run: 'echo x > "$CHECKPOINT/x"; echo ready; read go < "$D/go"; test -e "$CHECKPOINT/x"', checkpoint: true, pass_env: D } }\n`,
    });
    rig.env['D'] = rig.dir;
    await execa('mkfifo', [join(rig.dir, 'go')]);
    const run = new FollowedRun(rig);
    await run.until(({ type }) => type === 'step.output');
    age(checkpointOf(rig), 30 * 24 * HOUR_MS);
    expect(await gc(rig, '-n')).toEqual(NONE);
    expect(await gc(rig)).toEqual(NONE);
    await new Gate(join(rig.dir, 'go')).open();
    expect((await run.end()).exit).toBe(0);
  });
});

const missing = await RedisRig.missing();

test.skipIf(missing !== undefined)(
  'gc leaves all checkpoints while a worker lives in the folder',
  async () => {
    await using fleet = await FleetRig.start();
    const { rig, folder } = await halfWay();
    await using _ = rig;
    Object.assign(rig.env, fleet.env);
    const worker = await fleet.workerIn(rig);
    age(folder, 8 * 24 * HOUR_MS);
    expect(await gc(rig)).toEqual(NONE);
    await worker.end('SIGKILL');
    // Its mark is still there.
    expect(readdirSync(join(rig.dir, '.stockpot/active'))).toEqual([worker.id]);
    expect(await gc(rig)).toEqual({ ...NONE, count: 1, bytes: 5 });
    expect(existsSync(folder)).toBe(false);
  },
);
