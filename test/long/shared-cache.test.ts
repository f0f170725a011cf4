import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/store/hash.ts';
import { shardPath } from '../../src/store/layout.ts';
import { newKey } from '../../src/store/remote/signing.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { damageFile } from '../rigs/damage.ts';

const RECIPE = `steps:
  make:
    run: 'for i in 1 2 3; do echo "row $i"; done > "$OUT_rows"; echo made'
    outputs: { rows: rows.txt }
  count:
    run: 'mkdir -p "$OUT_parts"; wc -l < "$IN_rows" > "$OUT_parts/lines"; cp "$IN_rows" "$OUT_parts/copy"; printf "{\\"type\\":\\"metric\\",\\"key\\":\\"lines\\",\\"value\\":3}\\n" >> "$(dirname "$STOCKPOT_STEP")/report.jsonl"; echo "{\\"lines\\": 3}" > "$OUT_figures"'
    inputs: { rows: make.rows }
    outputs: { parts: parts/, figures: { path: figures.json, kind: metrics } }
  say:
    run: 'cat "$IN_parts/lines" > "$OUT_said"'
    inputs: { parts: count.parts }
    outputs: { said: said.txt }
`;
const ROWS = digestOf('row 1\nrow 2\nrow 3\n');

/** A folder that machines share, and checkouts of one project on them. */
class SharedRig implements AsyncDisposable {
  readonly remote = mkdtempSync(join(tmpdir(), 'stockpot-shared-'));
  readonly #rigs: CliRig[] = [];

  async checkout(cache = `{ remote: ${this.remote}, accept: any }`, recipe = RECIPE): Promise<CliRig> {
    const rig = await CliRig.create({
      'recipes/main/recipe.yaml': recipe,
      'profiles/local.yaml': `cache: ${cache}\n`,
    });
    this.#rigs.push(rig);
    return rig;
  }

  blob(digest: string): string {
    return shardPath(join(this.remote, 'cas'), digest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const rig of this.#rigs) await rig[Symbol.asyncDispose]();
    rmSync(this.remote, { recursive: true, force: true });
    rmSync(`${this.remote}-away`, { recursive: true, force: true });
  }
}

function holds(rig: CliRig, digest: string): boolean {
  return existsSync(shardPath(join(rig.dir, '.stockpot/cache/cas'), digest));
}

const ALL = (outcome: string): Record<string, string> => ({ make: outcome, count: outcome, say: outcome });

describe('a cache that machines share', () => {
  test('gives another checkout every step, and brings no data that nothing reads', async () => {
    await using rig = new SharedRig();
    const [here, there] = [await rig.checkout(), await rig.checkout()];
    expect(await here.run()).toEqual(ALL('succeeded'));
    expect(await there.recipe('status')).toMatchObject({
      out: expect.stringContaining('nothing to do, all 3 steps are cached'),
    });
    const events = await there.events();
    expect(events.filter(({ type }) => type === 'step.cached').length).toBe(3);
    expect(events.filter(({ type }) => type === 'step.output')).toMatchObject([{ text: 'made\n' }]);
    expect(holds(there, ROWS)).toBe(false);
    expect(existsSync(join(there.dir, '.stockpot/latest/main/make/rows.txt'))).toBe(false);
    // What its steps logged is tracked there as here.
    using tracking = new DatabaseSync(join(there.dir, '.stockpot/tracking.db'), { readOnly: true });
    expect(tracking.prepare('SELECT DISTINCT key, value FROM metrics').all()).toMatchObject([
      { key: 'lines', value: 3 },
    ]);
    // The second time nobody is asked.
    rmSync(rig.remote, { recursive: true });
    expect(await there.run()).toEqual(ALL('cached'));
  });

  test('brings what the steps need that are executed, and what is asked for', async () => {
    await using rig = new SharedRig();
    const [here, there] = [await rig.checkout(), await rig.checkout()];
    await here.run();
    await there.write(
      'recipes/main/recipe.yaml',
      RECIPE.replace('cat "$IN_parts/lines"', 'cat "$IN_parts"/*'),
    );
    expect(await there.run()).toEqual({ make: 'cached', count: 'cached', say: 'succeeded' });
    expect(await there.read('.stockpot/latest/main/say/said.txt')).toBe('row 1\nrow 2\nrow 3\n3\n');
    const third = await rig.checkout();
    await third.run();
    expect((await third.recipe('artifacts', 'get', 'main:make.rows', 'mine.txt')).err).toBe('');
    expect(await third.read('mine.txt')).toBe('row 1\nrow 2\nrow 3\n');
    expect((await third.recipe('logs', 'main:make')).out).toBe('made\n');
    expect((await third.recipe('card', 'main:count')).exit).toBe(0);
  });

  test('that is away costs one warning', async () => {
    await using rig = new SharedRig();
    const here = await rig.checkout();
    rmSync(rig.remote, { recursive: true });
    const { exit, err } = await here.recipe('run');
    expect(exit).toBe(0);
    expect(err.match(/the remote cache is not used from here on/g)?.length).toBe(1);
    expect(await here.run()).toEqual(ALL('cached'));
  });

  test('is not used unless it is said whose results are', async () => {
    await using rig = new SharedRig();
    const here = await rig.checkout(`\n  remote: ${rig.remote}`);
    const { exit, err } = await here.recipe('run');
    expect(exit).toBe(2);
    expect(err).toContain('profiles/local.yaml:2:3');
    expect(err).toContain(`The shared cache ${rig.remote} has no \`accept:\``);
    expect(existsSync(join(here.dir, '.stockpot'))).toBe(false);
    await here.write('profiles/local.yaml', '');
    here.env['STOCKPOT_REMOTE'] = rig.remote;
    expect((await here.recipe('run')).err).toContain('has no `accept:`');
    here.env['STOCKPOT_ACCEPT'] = 'any';
    expect(await here.run()).toEqual(ALL('succeeded'));
    expect(existsSync(rig.blob(ROWS))).toBe(true);
  });

  test('takes results of those whose keys are listed, and makes those of others again', async () => {
    await using rig = new SharedRig();
    const [ours, theirs] = [newKey(), newKey()];
    const accept = (key: string): string => `{ remote: ${rig.remote}, accept: ["${key}"] }`;
    const here = await rig.checkout(accept(ours.publicKey));
    here.env['STOCKPOT_SIGNING_KEY'] = ours.privateKey;
    await here.run();
    const [friend, stranger] = [
      await rig.checkout(accept(ours.publicKey)),
      await rig.checkout(accept(theirs.publicKey)),
    ];
    expect(await friend.run()).toEqual(ALL('cached'));
    const { err, exit } = await stranger.recipe('run');
    expect(exit).toBe(0);
    expect(err).toContain('are signed by nobody whom `accept:` lists');
    await stranger.write('key', theirs.privateKey);
    await stranger.write(
      'profiles/local.yaml',
      `cache: { remote: ${rig.remote}, accept: ["${theirs.publicKey}"], sign_with: ./key }\n`,
    );
    expect(await stranger.run('--force')).toEqual(ALL('succeeded'));
    expect((await friend.recipe('run', '--force')).exit).toBe(0);
  });

  test('makes a run go on with what was there first, where a step is not deterministic', async () => {
    await using rig = new SharedRig();
    const recipe = `steps:
  draw: { run: 'echo $RANDOM$RANDOM$RANDOM > "$OUT_n"', outputs: { n: n.txt } }
  use: { run: 'cat "$IN_n" > "$OUT_m"', inputs: { n: draw.n }, outputs: { m: m.txt } }
`;
    const here = await rig.checkout(undefined, recipe);
    await here.run();
    const there = await rig.checkout(`{ remote: ${rig.remote}, accept: any, read_only: true }`, recipe);
    there.env['STOCKPOT_REMOTE'] = '';
    await there.run();
    delete there.env['STOCKPOT_REMOTE'];
    const drawn = await here.read('.stockpot/latest/main/draw/n.txt');
    expect(await there.read('.stockpot/latest/main/draw/n.txt')).not.toBe(drawn);
    await there.write('profiles/local.yaml', `cache: { remote: ${rig.remote}, accept: any }\n`);
    rmSync(join(there.dir, '.stockpot/cache/results'), { recursive: true });
    expect(await there.run()).toEqual({ draw: 'cached', use: 'cached' });
    expect((await there.recipe('artifacts', 'get', 'main:use.m', 'm')).exit).toBe(0);
    expect(await there.read('m')).toBe(drawn);
  });

  test('with a damaged blob has the step made again, and is mended', async () => {
    await using rig = new SharedRig();
    const here = await rig.checkout();
    await here.run();
    const path = rig.blob(ROWS);
    chmodSync(path, 0o644);
    writeFileSync(path, 'row 1\nrow 2\nrow X\n');
    const there = await rig.checkout(undefined, RECIPE.replace('wc -l', 'wc  -l'));
    const events = await there.events();
    expect(events.at(-1)).toMatchObject({ type: 'run.finished', outcome: 'succeeded' });
    expect(events.filter(({ type }) => type === 'step.rewound')).toMatchObject([{ digest: ROWS }]);
    expect(readFileSync(path, 'utf8')).toBe('row 1\nrow 2\nrow 3\n');
    expect(readdirSync(join(there.dir, '.stockpot/cache/cas/tmp'))).toEqual([]);
  });

  test('nothing is pushed where nothing may be put, and that is said', async () => {
    await using rig = new SharedRig();
    const here = await rig.checkout('{}');
    await here.run();
    await here.write(
      'profiles/reader.yaml',
      `cache: { remote: "${rig.remote}", accept: [any], read_only: true }\n`,
    );
    const { exit, err } = await here.recipe('cache', 'push', '-p', 'reader');
    expect({ exit, err }).toEqual({ exit: 2, err: expect.stringContaining('is read_only') });
  });

  test('by commands: link, push, pull, fsck, and a key', async () => {
    await using rig = new SharedRig();
    const [here, there] = [await rig.checkout('{}'), await rig.checkout('{}')];
    await here.run();
    expect((await here.recipe('cache', 'push')).exit).toBe(2);
    expect((await here.recipe('cache', 'link', rig.remote)).err).toContain('has no `accept:`');
    const made = await here.recipe('cache', 'keygen', 'key', '--json');
    const { public_key: key } = JSON.parse(made.out) as { public_key: string };
    expect(statSync(join(here.dir, 'key')).mode & 0o777).toBe(0o600);
    expect((await here.recipe('cache', 'keygen', 'key')).exit).toBe(2);
    const link = ['cache', 'link', rig.remote, '--accept', key];
    expect((await here.recipe(...link, '--sign-with', 'key')).exit).toBe(0);
    const pushed = JSON.parse((await here.recipe('cache', 'push', '--json')).out) as Record<string, number>;
    expect(pushed).toMatchObject({ results: 3, others: 0 });
    expect(pushed['bytes']).toBeGreaterThan(0);
    const again = await here.recipe('cache', 'push', '--json');
    expect(JSON.parse(again.out)).toEqual({ results: 3, bytes: 0, others: 0 });
    expect((await there.recipe(...link)).exit).toBe(0);
    expect((await there.recipe('cache', 'link')).out).toContain(rig.remote);
    const pulled = JSON.parse((await there.recipe('cache', 'pull', '--json')).out) as object;
    expect(pulled).toMatchObject({ results: 3, steps: 3 });
    expect(holds(there, ROWS)).toBe(true);
    expect((await there.recipe('doctor', '--json')).out).toContain('of several writers one wins');
    expect((await there.recipe('cache', 'fsck')).exit).toBe(0);
    expect((await there.recipe('cache', 'fsck', '--remote')).out).toContain('no damage');
    damageFile(rig.blob(ROWS), 'flip');
    const damaged = await there.recipe('cache', 'fsck', '--remote');
    expect([damaged.exit, damaged.out.includes(`corrupt blob ${ROWS}`)]).toEqual([1, true]);
    expect((await there.recipe('cache', 'link', '--remove')).out).toContain('with nobody');
    rmSync(rig.remote, { recursive: true });
    expect(await there.run()).toEqual(ALL('cached'));
    expect((await here.recipe('cache', 'push')).exit).toBe(69);
    const away = await here.recipe('doctor', '--json');
    expect(JSON.parse(away.out)).toContainEqual(expect.objectContaining({ name: 'remote', ok: false }));
  });
});
