import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const RECIPE = `steps:
  make: { run: 'echo rows > "$OUT_rows"', outputs: { rows: rows.txt } }
  count: { run: 'wc -l < "$IN_rows" > "$OUT_lines"', inputs: { rows: make.rows }, outputs: { lines: lines.txt } }
`;

describe('a cache that machines share through a server', () => {
  test('gives one machine what another one did, and its bytes when they are asked for', async () => {
    await using home = await CliRig.create();
    await using server = await ServerProcess.start(home);
    const remote = `cache: { remote: "${server.url}", accept: any }\n`;
    const files = { 'recipes/main/recipe.yaml': RECIPE, 'profiles/local.yaml': remote };
    await using one = await CliRig.create(files);
    await using two = await CliRig.create(files);
    expect(await one.run()).toEqual({ make: 'succeeded', count: 'succeeded' });
    expect(await two.run()).toEqual({ make: 'cached', count: 'cached' });
    await two.recipe('artifacts', 'get', ':count.lines', 'lines.txt');
    expect((await two.read('lines.txt')).trim()).toBe('1');
    const { out: doctor } = await two.recipe('doctor');
    expect(doctor).toContain(server.url);
  });

  test('is used by whoever has a token for it, and told with what to do by others', async () => {
    await using home = await CliRig.create();
    await home.recipe('server', 'user', 'add', 'ann');
    const token = (await home.recipe('server', 'token', 'add', 'ann')).out.trim();
    await using server = await ServerProcess.start(home);
    const remote = `cache: { remote: "${server.url}", accept: any }\n`;
    const files = { 'recipes/main/recipe.yaml': RECIPE, 'profiles/local.yaml': remote };
    await using one = await CliRig.create(files);
    await using two = await CliRig.create(files);
    const { exit, err } = await one.recipe('run');
    expect(exit).toBe(0);
    expect(err).toContain(`sign in with \`recipe login ${server.url}\``);
    for (const rig of [one, two]) rig.env['STOCKPOT_REMOTE_TOKEN'] = token;
    expect((await one.recipe('cache', 'push')).exit).toBe(0);
    expect(await two.run()).toEqual({ make: 'cached', count: 'cached' });
  });

  test.each(['https://', 'https://server/?x=1', 'https://server/#x'])(
    '%s is no address of one',
    async (url) => {
      await using rig = await CliRig.create({ 'recipe.yaml': RECIPE });
      const { exit, err } = await rig.recipe('cache', 'link', url, '--accept', 'any');
      const ran = exit === 0 ? await rig.recipe('run') : { exit, err };
      expect(ran.exit).toBe(2);
      expect(ran.err).toContain('it is not https://SERVER or a folder there, without query and fragment');
    },
  );
});
