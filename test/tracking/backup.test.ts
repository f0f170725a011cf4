import { appendFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { ImportRig } from '../rigs/import-rig.ts';
import { FIRST_RUN, LOGGED_MODEL, mlflowRows, mlflowTables } from '../rigs/mlflow-database.ts';
import { PostgresRig } from '../rigs/postgres-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

/** Something of every sort, with files. */
async function fill(rig: ImportRig): Promise<void> {
  rig.write(`files/3/${FIRST_RUN}/artifacts/notes/a.txt`, 'a');
  rig.write(`files/3/models/${LOGGED_MODEL}/artifacts/MLmodel`, 'flavors: {}');
  rig.sqlite('mlflow.db', mlflowTables('3.17'), mlflowRows('3.17', rig.dir));
  await rig.import('mlflow.db', '--artifacts', 'files');
  await rig.post('webhooks', {
    name: 'hook',
    url: 'https://example.com/hook',
    events: [{ entity: 'PROMPT', action: 'CREATED' }],
    secret: 'of the hook',
  });
  await rig.command('server', 'user', 'add', 'ann', '--role', 'admin');
}

const missing = await PostgresRig.missing();

describe('a backup restores to all that there was, with every file', () => {
  let postgres: PostgresRig | undefined;
  let count = 0;
  const open = async (kind: string): Promise<ImportRig> => {
    if (kind === 'SQLite') return new ImportRig();
    count += 1;
    await postgres?.query(`CREATE DATABASE backup_${count} TEMPLATE template0`, 'postgres');
    return new ImportRig(postgres?.urlOf(`backup_${count}`));
  };
  beforeAll(async () => {
    if (missing === undefined) postgres = await PostgresRig.start();
  });
  afterAll(async () => {
    await postgres?.[Symbol.asyncDispose]();
  });

  test.each([
    ['SQLite', 'SQLite'],
    ['SQLite', 'PostgreSQL'],
    ['PostgreSQL', 'SQLite'],
    ['PostgreSQL', 'PostgreSQL'],
  ])('from %s to %s', async (from, to) => {
    if (`${from}${to}`.includes('PostgreSQL') && missing !== undefined) return;
    await using source = await open(from);
    await fill(source);
    const backup = join(source.dir, 'backup');
    const taken = await source.command('server', 'backup', backup);
    // The list of the model's files is a file too.
    expect([taken.exit, taken.answer['files'], taken.answer['lost']]).toEqual([0, 3, []]);
    await using target = await open(to);
    const restored = await target.command('server', 'restore', backup);
    expect([restored.exit, restored.answer['files'], restored.answer['lost']]).toEqual([0, 3, []]);
    const wanted = await source.dump();
    expect(wanted['users']).toHaveLength(1);
    expect(wanted['webhooks']).toHaveLength(1);
    expect(await target.dump()).toEqual(wanted);
    expect(await target.file(`3/${FIRST_RUN}/artifacts/notes/a.txt`)).toBe('a');
    // Nor does gc take it, and numbers go on behind the last.
    await target.command('cache', 'gc', '--max-size', '0');
    expect(await target.file(`3/models/${LOGGED_MODEL}/artifacts/MLmodel`)).toBe('flavors: {}');
    expect(await target.post('experiments/create', { name: 'next' })).toEqual({ experiment_id: '8' });
  });
});

describe('recipe server backup', () => {
  test('while clients write holds each write that was acknowledged before it began', async () => {
    await using rig = await CliRig.create();
    await using server = await ServerProcess.start(rig);
    const { run } = await server.api('runs/create', { experiment_id: '0' });
    const { run_id } = (run as { info: { run_id: string } }).info;
    const root = `${server.url}/api/2.0/mlflow-artifacts/artifacts/0/${run_id}/artifacts`;
    const acknowledged: string[] = [];
    const over = new AbortController();
    const { promise: warm, resolve: isWarm } = Promise.withResolvers<void>();
    const write = async (lane: number): Promise<void> => {
      for (let step = 0; !over.signal.aborted; step += 1) {
        await server.api('runs/log-metric', { run_id, key: `m${lane}`, value: step, timestamp: 1, step });
        await fetch(`${root}/f${lane}/${step}.txt`, { method: 'PUT', body: `${lane} ${step}` });
        acknowledged.push(`${lane} ${step}`);
        if (acknowledged.length === 60) isWarm();
      }
    };
    const writing = Promise.all([0, 1, 2].map(write));
    await warm;
    const before = [...acknowledged];
    const taken = await rig.recipe('server', 'backup', 'backup', '--json');
    over.abort();
    await writing;
    expect([taken.exit, (JSON.parse(taken.out) as { lost: string[] }).lost]).toEqual([0, []]);
    expect(acknowledged.length).toBeGreaterThan(before.length);
    await using target = await CliRig.create();
    const restored = await target.recipe('server', 'restore', join(rig.dir, 'backup'), '--json');
    expect([restored.exit, restored.err]).toEqual([0, '']);
    const db = new DatabaseSync(join(target.dir, '.stockpot/tracking.db'), { readOnly: true });
    const all = (text: string): unknown[] => db.prepare(text).all();
    expect(all('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    expect(all('PRAGMA foreign_key_check')).toEqual([]);
    const kept = new Set(
      all(`SELECT substr(key, 2) || ' ' || step AS at FROM metrics`).map((row) => (row as { at: string }).at),
    );
    db.close();
    expect(before.filter((one) => !kept.has(one))).toEqual([]);
    await using copy = await ServerProcess.start(target);
    const copied = `${copy.url}/api/2.0/mlflow-artifacts/artifacts/0/${run_id}/artifacts`;
    const read = await Promise.all(
      before.map(async (one) => (await fetch(`${copied}/f${one.replace(' ', '/')}.txt`)).text()),
    );
    expect(read).toEqual(before);
  });

  test('takes no folder that holds something; restore no database that does, and no backup that is not whole', async () => {
    await using rig = new ImportRig();
    await fill(rig);
    const code = async (...args: string[]): Promise<unknown> => {
      const { exit, answer } = await rig.command('server', ...args);
      return [exit, answer['code']];
    };
    await rig.command('server', 'backup', 'backup');
    expect(await code('backup', 'backup')).toEqual([2, 'BACKUP_TARGET_TAKEN']);
    expect(await code('restore', 'backup')).toEqual([2, 'RESTORE_TARGET_NOT_EMPTY']);
    rig.write('cut/tracking.db', 'half');
    expect(await code('restore', 'cut')).toEqual([2, 'BACKUP_INVALID']);
    appendFileSync(join(rig.dir, 'backup/tracking.db'), 'x');
    expect(await code('restore', 'backup')).toEqual([2, 'BACKUP_INVALID']);
  });

  test('passes over a tag that names no reproduction', async () => {
    await using rig = new ImportRig();
    await fill(rig);
    const { files = [] } = await rig.dump();
    for (const [version, value] of [
      ['1', String(files[0]?.['digest'])],
      ['2', 'f'.repeat(64)],
    ])
      await rig.post('model-versions/set-tag', { name: 'clf', version, key: 'stockpot.reproduction', value });
    expect((await rig.command('server', 'backup', 'backup')).answer).toMatchObject({ files: 3, lost: [] });
    await using target = new ImportRig();
    expect((await target.command('server', 'restore', join(rig.dir, 'backup'))).answer).toMatchObject({
      files: 3,
      lost: [],
    });
  });

  test('names the files that the store has lost, keeps the rest, and exits 1', async () => {
    await using rig = new ImportRig();
    await fill(rig);
    const { files = [] } = await rig.dump();
    const digest = String(files.find(({ path }) => String(path).endsWith('a.txt'))?.['digest']);
    rmSync(join(rig.dir, '.stockpot/cache/cas', digest.slice(0, 2), digest));
    const { exit, answer } = await rig.command('server', 'backup', 'backup');
    expect([exit, answer['files'], answer['lost']]).toEqual([1, 2, [digest]]);
    await using target = new ImportRig();
    const restored = await target.command('server', 'restore', join(rig.dir, 'backup'));
    expect([restored.exit, restored.answer['lost']]).toEqual([1, [digest]]);
    expect(readdirSync(join(target.dir, '.stockpot/uploads'))).toEqual([]);
  });
});
