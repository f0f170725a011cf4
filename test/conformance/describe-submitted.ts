import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/store/hash.ts';
import { shardPath } from '../../src/store/layout.ts';
import { CliRig, type Outcome, outcomesOf } from '../rigs/cli-rig.ts';
import { type Damage, damageFile } from '../rigs/damage.ts';
import { DriverProcess } from '../rigs/driver-process.ts';
import { hasSaid } from '../rigs/has-said.ts';
import { inProcessWith } from '../rigs/in-process.ts';
import type { PostgresRig } from '../rigs/postgres-rig.ts';
import type { SharedStore, StartStore } from '../rigs/shared-store.ts';

const DATA = 'hello\n';
const FILES = {
  'recipe.yaml': `steps:
  say: { run: [sh, -c, 'tee "$OUT_x" < "$IN_d"'], inputs: { d: ./d.txt }, outputs: { x: x } }
`,
  'd.txt': DATA,
};
const DONE = { say: 'succeeded' };

/** What is submitted through a shared cache ends, though that loses some of what it keeps, whatever kind it is. */
export function describeSubmitted(
  name: string,
  startStore: StartStore,
  postgres: () => Pick<PostgresRig, 'url' | 'query'>,
): void {
  describe(`a submitted run whose files ${name} has lost`, () => {
    test.each<[string, 'd.txt' | 'the list', Damage]>([
      ['a file with other bytes', 'd.txt', 'flip'],
      ['the list of its files gone', 'the list', 'remove'],
    ])('%s: waits, says for what, and goes on once it is followed where they are', async (_, what, how) => {
      await using rig = await SubmitRig.create(startStore, postgres());
      const id = await rig.submit();
      await rig.store.damage(what === 'd.txt' ? digestOf(DATA) : await rig.listOf(id), how);
      await using driver = await rig.driver();
      await driver.said('waiting');
      const elsewhere = await rig.machine(FILES);
      const following = elsewhere.start('attach', id);
      await hasSaid(following.stderr, /SNAPSHOT_LOST[^]*this machine has no copy of/);
      const { exit, out, err } = await here(rig.project, 'attach', id, '--json');
      expect([exit, outcomesOf(out)]).toEqual([0, DONE]);
      expect(err).toContain(
        what === 'd.txt' ? ': d.txt is missing or damaged there' : ': the list of its files is missing',
      );
      expect(err).toContain('1 file of the run was missing or damaged in');
      expect((await following).exitCode).toBe(0);
    });

    test('is no matter where the driver’s own copy is the one that is damaged', async () => {
      await using rig = await SubmitRig.create(startStore, postgres());
      const id = await rig.submit();
      damageFile(shardPath(join(rig.project.dir, '.stockpot/cache/cas'), digestOf(DATA)), 'flip');
      await here(rig.project, 'worker', '--drive', '1', '--once');
      const { exit, out } = await here(rig.project, 'attach', id, '--json');
      expect([exit, outcomesOf(out)]).toEqual([0, DONE]);
    });

    test.each(['retry', 'run'])('`recipe %s` mends it too, and both runs end', async (command) => {
      await using rig = await SubmitRig.create(startStore, postgres());
      const id = await rig.submit();
      await rig.store.damage(digestOf(DATA), 'flip');
      const { out } = await here(rig.project, ...(command === 'run' ? SUBMIT : ['retry', id, '--json']));
      const again = (JSON.parse(out) as { run: string }).run;
      await using _driver = await rig.driver();
      for (const run of [id, again]) {
        const { exit, out, err } = await here(rig.project, 'attach', run, '--json');
        expect([exit, Object.keys(outcomesOf(out))]).toEqual([0, ['say']]);
        expect(err).not.toContain('SNAPSHOT_LOST');
      }
    });
  });
}

const SUBMIT = ['run', '--submit', '--json'];

async function here({ dir, env }: CliRig, ...args: string[]): Promise<Outcome> {
  return inProcessWith({ dir, env }, ...args);
}

/** A shared cache, a ledger on PostgreSQL, and machines that share no more than these. */
class SubmitRig implements AsyncDisposable {
  readonly store: SharedStore;
  readonly project: CliRig;
  readonly #dir: string;
  readonly #postgres: Pick<PostgresRig, 'url' | 'query'>;
  readonly #machines: CliRig[];

  private constructor(
    dir: string,
    store: SharedStore,
    project: CliRig,
    postgres: Pick<PostgresRig, 'url' | 'query'>,
  ) {
    this.#dir = dir;
    this.store = store;
    this.project = project;
    this.#postgres = postgres;
    this.#machines = [project];
    this.#join(project);
  }

  static async create(
    startStore: StartStore,
    postgres: Pick<PostgresRig, 'url' | 'query'>,
  ): Promise<SubmitRig> {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    return new SubmitRig(dir, await startStore(dir), await CliRig.create(FILES), postgres);
  }

  async submit(): Promise<string> {
    const { out, err } = await here(this.project, ...SUBMIT);
    if (out === '') throw new Error(err);
    return (JSON.parse(out) as { run: string }).run;
  }

  /** The digest of the list of a run's files. */
  async listOf(id: string): Promise<string> {
    const text = `SELECT snapshot FROM ledger.submissions WHERE submission_id = '${id}'`;
    const { rows } = await this.#postgres.query(text);
    return String((rows as readonly { readonly snapshot: string }[])[0]?.snapshot);
  }

  /** One that has nothing. */
  async driver(): Promise<DriverProcess> {
    return DriverProcess.start(await this.machine({}));
  }

  async machine(files: Readonly<Record<string, string>>): Promise<CliRig> {
    const rig = await CliRig.create(files);
    this.#machines.push(rig);
    this.#join(rig);
    return rig;
  }

  #join(rig: CliRig): void {
    Object.assign(rig.env, this.store.env, {
      STOCKPOT_DATABASE_URL: this.#postgres.url,
      STOCKPOT_ACCEPT: 'any',
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const machine of this.#machines) await machine[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
    rmSync(this.#dir, { recursive: true });
  }
}
