import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { blockListOf } from '../../src/server/proxy-identity.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { freePort } from '../rigs/free-port.ts';

describe('what is wrong with an option of recipe server is said', () => {
  test('a --host that is none of this machine: about hosts, not about ports', async () => {
    await using rig = await CliRig.create({});
    const { exit, err } = await rig.recipe('server', '--port', '0', '--host', '192.0.2.1', '--json');
    const { code, hint } = JSON.parse(err) as Record<string, string>;
    expect([exit, code, hint]).toEqual([
      69,
      'ADDRESS_UNAVAILABLE',
      'Give --host an address that this machine has, or 0.0.0.0 for all of them.',
    ]);
  });

  test.each(['999.1.1.1', 'proxy', '10.0.0.0/', '10.0.0.0/33', 'fd00::/129', '10.0.0.0/8/8', '10.0.0.0/-1'])(
    'a --trusted-proxy %s',
    async (address) => {
      await using rig = await CliRig.create({});
      const { exit, err } = await rig.recipe('server', '--port', '0', '--trusted-proxy', address);
      expect([exit, err.split('\n')[0]]).toEqual([
        2,
        expect.stringContaining(`--trusted-proxy ${address} is no address, and no range as 10.0.0.0/8`),
      ]);
    },
  );

  test('what keeps it from driving runs, though it looks after schedules, too', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': 'steps: { a: { run: [x] } }\n' });
    rig.env['STOCKPOT_REMOTE'] = rig.dir;
    const { exit, err } = await rig.recipe('server', '--port', '0', '--schedules', '--drive', '1', '--json');
    expect([exit, err.split('\n').at(-2)]).toEqual([
      2,
      expect.stringMatching(/^\{"type":"error","code":"REMOTE_WITHOUT_ACCEPT"/),
    ]);
  });

  test('addresses and ranges of a proxy are taken', () => {
    const list = blockListOf(['10.0.0.7', '192.168.0.0/16', 'fd00::/8', '::1']);
    expect(['10.0.0.7', '192.168.3.4', '10.0.0.8'].map((one) => list.check(one))).toEqual([
      true,
      true,
      false,
    ]);
    expect(['fd00::7', '::1', '::2'].map((one) => list.check(one, 'ipv6'))).toEqual([true, true, false]);
  });

  test('an --oidc-issuer that cannot be reached, and the server serves', async () => {
    await using rig = await CliRig.create({});
    const issuer = `http://127.0.0.1:${await freePort()}`;
    const child = rig.start('server', '--port', '0', '--oidc-issuer', issuer, '--oidc-client-id', 'x');
    const [line] = await Array.fromAsync(firstOf(createInterface({ input: child.stderr })));
    expect(line).toMatch(
      new RegExp(
        `^The provider ${issuer} cannot be reached: .*nobody signs in there: check --oidc-issuer\\.$`,
      ),
    );
    child.kill('SIGTERM');
    expect((await child).stdout).toContain('to users who sign in');
  });
});

async function* firstOf(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) return yield line;
}
