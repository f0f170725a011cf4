import { expect, test } from 'vitest';
import { UPLOAD_FAILPOINTS } from '../../src/core/failpoint.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { S3Server } from '../rigs/s3-server.ts';
import { keysTo } from '../rigs/shared-store.ts';

/** Three parts. */
const SIZE = 40_000_000;
const RECIPE = `steps:
  make: { run: 'head -c ${SIZE} /dev/urandom > "$OUT_rows"', outputs: { rows: rows.bin } }
`;

async function checkout(server: S3Server): Promise<CliRig> {
  const rig = await CliRig.create({
    'recipes/main/recipe.yaml': RECIPE,
    'profiles/local.yaml': 'cache: { remote: "s3://bucket/team", accept: any }\n',
  });
  Object.assign(rig.env, keysTo(server));
  return rig;
}

/** Large objects that have their name. */
function named(server: S3Server): number {
  return server.objects
    .values()
    .filter(({ size }) => size === SIZE)
    .toArray().length;
}

test.each(UPLOAD_FAILPOINTS)(
  'a push to S3 that is killed at %s goes on there: no part is sent twice',
  async (place) => {
    await using server = await S3Server.start();
    await using here = await checkout(server);
    await using there = await checkout(server);
    here.env['STOCKPOT_REMOTE'] = '';
    expect(await here.run()).toEqual({ make: 'succeeded' });
    delete here.env['STOCKPOT_REMOTE'];
    here.env['STOCKPOT_FAILPOINT'] = place;
    expect((await here.recipe('cache', 'push')).signal).toBe('SIGKILL');
    const hasEnded = place === 'upload.after-end';
    expect([named(server), server.uploads.size]).toEqual(hasEnded ? [1, 0] : [0, 1]);
    delete here.env['STOCKPOT_FAILPOINT'];
    const { exit, out } = await here.recipe('cache', 'push', '--json');
    expect(exit).toBe(0);
    expect(JSON.parse(out).bytes >= SIZE).toBe(!hasEnded);
    const parts = server.calls.flatMap(({ query }) => query.get('partNumber') ?? []);
    expect(parts.toSorted()).toEqual(['1', '2', '3']);
    // An upload that was killed before it was remembered is left to the bucket's rule.
    expect([named(server), server.uploads.size]).toEqual([1, place === 'upload.before-record' ? 1 : 0]);
    expect(await there.run()).toEqual({ make: 'cached' });
    expect((await there.recipe('cache', 'pull')).exit).toBe(0);
  },
);
