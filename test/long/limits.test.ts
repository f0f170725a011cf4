import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/events.ts';
import { CliRig, outcomes } from '../rigs/cli-rig.ts';
import { Gate } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { onPostgres } from '../rigs/on-postgres.ts';

/** Two recipes that use one warehouse, and say when they do. */
async function project(): Promise<{ rig: CliRig; gate: (name: string) => Gate }> {
  const rig = await CliRig.create({ 'profiles/local.yaml': 'limits: { warehouse: 1 }\n' });
  const gate = (name: string): Gate => new Gate(join(rig.dir, `at-${name}`));
  for (const name of ['a', 'b']) {
    execFileSync('mkfifo', [gate(name).path]);
    const script = `echo "${name} in" >> "$SAID"; read go < ${gate(name).path}; echo "${name} out" >> "$SAID"`;
    await rig.write(
      `recipes/${name}/recipe.yaml`,
      `steps:\n  ${name}: { run: [sh, -c, '${script}'], pass_env: [SAID], limits: [warehouse] }\n`,
    );
  }
  rig.env['SAID'] = join(rig.dir, 'said.txt');
  return { rig, gate };
}

const isStarted = ({ type }: RunEvent): boolean => type === 'step.started';
const isWaiting = ({ type }: RunEvent): boolean => type === 'step.waiting';

async function runIdOf(run: FollowedRun): Promise<string> {
  const started = await run.until(({ type }) => type === 'run.started');
  return started.type === 'run.started' ? started.run : '';
}

describe('a limit of a profile', () => {
  test('holds for all runs of a home: a step waits for another run’s, and says which has it', async () => {
    const { rig, gate } = await project();
    await using _rig = rig;
    const first = new FollowedRun(rig, 'a');
    const id = await runIdOf(first);
    await first.until(isStarted);
    const second = new FollowedRun(rig, 'b');
    expect(await second.until(isWaiting)).toMatchObject({
      step: 'b',
      reason: 'limit',
      holder: `warehouse, which run ${id} has`,
    });
    await gate('a').open();
    expect(outcomes((await first.end()).events)).toEqual({ a: 'succeeded' });
    await gate('b').open();
    const { exit, events } = await second.end();
    expect(exit).toBe(0);
    expect(outcomes(events)).toEqual({ b: 'succeeded' });
    expect(await rig.read('said.txt')).toBe('a in\na out\nb in\nb out\n');
  });

  test('is free again some time after a run that had it was killed', async () => {
    const { rig, gate } = await project();
    await using _rig = rig;
    const first = new FollowedRun(rig, 'a');
    await first.until(isStarted);
    const second = new FollowedRun(rig, 'b');
    await second.until(isWaiting);
    first.kill('SIGKILL');
    await first.end();
    await second.until(isStarted);
    await Promise.all([gate('a').open(), gate('b').open()]);
    expect(outcomes((await second.end()).events)).toEqual({ b: 'succeeded' });
  }, 60_000);

  test('is given back by a step that fails, and by a run that is interrupted', async () => {
    await using rig = await CliRig.create({
      'profiles/local.yaml': 'limits: { warehouse: 1 }\n',
      'recipe.yaml': `steps:
  fails: { run: ["false"], limits: [warehouse, warehouse, unknown] }
  hangs: { run: [sleep, "1000"], limits: [warehouse] }
  works: { run: ["true"], limits: [warehouse] }
`,
    });
    expect(await rig.run('--only', 'fails')).toEqual({ fails: 'failed' });
    await rig.interrupt(/step\.started/, 'SIGINT', '--only', 'hangs');
    const events = await rig.events('--only', 'works');
    expect(outcomes(events)).toEqual({ works: 'succeeded' });
    expect(events.filter(isWaiting)).toEqual([]);
  });

  test('bounds the steps of one run, whatever their number', async () => {
    const script = 'mkdir "$LOCK" && head -c 9000000 /dev/zero | sha256sum && rmdir "$LOCK"';
    const steps = Array.from(
      { length: 6 },
      (_, i) => `  s${i}: { run: [sh, -c, '${script} # ${i}'], pass_env: [LOCK], limits: [one] }\n`,
    );
    await using rig = await CliRig.create({
      'profiles/local.yaml': 'limits: { one: 1 }\n',
      'recipe.yaml': `steps:\n${steps.join('')}`,
    });
    rig.env['LOCK'] = join(rig.dir, 'lock');
    expect(new Set(Object.values(await rig.run('--jobs', '6')))).toEqual(new Set(['succeeded']));
  });

  test('is not looked for by a run that has all in the cache, or that names none', async () => {
    const { rig, gate } = await project();
    await using _rig = rig;
    const first = new FollowedRun(rig, 'a');
    await gate('a').open();
    await first.end();
    const ledger = join(rig.dir, '.stockpot/ledger.db');
    expect(existsSync(ledger)).toBe(true);
    for (const end of ['', '-wal', '-shm']) rmSync(`${ledger}${end}`, { force: true });
    expect(await rig.run('a')).toEqual({ a: 'cached' });
    expect(existsSync(ledger)).toBe(false);
  });

  test('is waited for, and this is said, while the ledger cannot be used', async () => {
    const { rig, gate } = await project();
    await using _rig = rig;
    const ledger = join(rig.dir, '.stockpot/ledger.db');
    mkdirSync(ledger, { recursive: true });
    const run = new FollowedRun(rig, 'a');
    const waiting = await run.until(isWaiting);
    expect(waiting).toMatchObject({ reason: 'limit' });
    expect(JSON.stringify(waiting)).toContain('the ledger, which cannot be asked for limits: ');
    rmSync(ledger, { recursive: true });
    await gate('a').open();
    expect(outcomes((await run.end()).events)).toEqual({ a: 'succeeded' });
  });

  test('is not waited for any longer by a run that is interrupted', async () => {
    const { rig, gate } = await project();
    await using _rig = rig;
    const first = new FollowedRun(rig, 'a');
    await first.until(isStarted);
    const second = await rig.interrupt(/step\.waiting/, 'SIGINT', 'b');
    expect(second.exit).toBe(130);
    await gate('a').open();
    expect(outcomes((await first.end()).events)).toEqual({ a: 'succeeded' });
    expect(await rig.read('said.txt')).toBe('a in\na out\n');
  });
});

onPostgres((postgres) => {
  test('holds for projects whose ledger is the same, and what runs goes on when that is gone', async () => {
    const [one, two] = [await project(), await project()];
    await using first = one.rig;
    await using second = two.rig;
    for (const { env } of [first, second]) env['STOCKPOT_DATABASE_URL'] = postgres().url;
    const running = new FollowedRun(first, 'a');
    const id = await runIdOf(running);
    await running.until(isStarted);
    const waiting = new FollowedRun(second, 'b');
    expect(await waiting.until(isWaiting)).toMatchObject({ holder: `warehouse, which run ${id} has` });
    await postgres().query('DROP SCHEMA ledger CASCADE');
    expect(await waiting.until(isWaiting)).toMatchObject({
      holder: expect.stringMatching(/^the ledger, which cannot be asked for limits: /),
    });
    waiting.kill('SIGINT');
    expect((await waiting.end()).exit).toBe(130);
    await one.gate('a').open();
    expect(outcomes((await running.end()).events)).toEqual({ a: 'succeeded' });
  });
});
