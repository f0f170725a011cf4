import { expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { S3Server } from '../rigs/s3-server.ts';

const RECIPE = `steps:
  make:
    run: 'echo one > "$OUT_rows"'
    outputs: { rows: rows.txt }
`;

async function checkout(server: S3Server): Promise<CliRig> {
  const rig = await CliRig.create({
    'recipes/main/recipe.yaml': RECIPE,
    'profiles/local.yaml': 'cache: { remote: "s3://bucket/my team", accept: any }\n',
  });
  Object.assign(rig.env, {
    AWS_ACCESS_KEY_ID: server.key.id,
    AWS_SECRET_ACCESS_KEY: server.key.secret,
    AWS_ENDPOINT_URL: server.endpoint,
  });
  return rig;
}

test('a cache in S3 gives another checkout what one has done, and a wrong secret costs one warning', async () => {
  await using server = await S3Server.start();
  await using here = await checkout(server);
  await using there = await checkout(server);
  expect(await here.run()).toEqual({ make: 'succeeded' });
  expect([...server.objects.keys()].every((path) => path.startsWith('bucket/my team/'))).toBe(true);
  expect(await there.run()).toEqual({ make: 'cached' });
  await using wrong = await checkout(server);
  wrong.env['AWS_SECRET_ACCESS_KEY'] = 'a-wrong-secret';
  const { exit, err } = await wrong.recipe('run');
  expect(exit).toBe(0);
  expect(err.match(/the remote cache is not used from here on.*/g)).toEqual([
    expect.stringContaining('s3://bucket/my team: SignatureDoesNotMatch'),
  ]);
  expect(err).not.toContain('a-wrong-secret');
});

test('a cache in S3 without keys is an error that says which variable lacks', async () => {
  await using server = await S3Server.start();
  await using here = await checkout(server);
  delete here.env['AWS_SECRET_ACCESS_KEY'];
  const { exit, err } = await here.recipe('run');
  expect(exit).toBe(2);
  expect(err).toContain('The shared cache s3://bucket/my team needs AWS_SECRET_ACCESS_KEY, which is not set');
});
