import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { outcomes } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { Receiver } from '../rigs/receiver.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

/** The manifest and the lock of a project that needs one package, which is at this address. */
function needingDep(
  url: string,
  integrity?: string,
): { 'package.json': string; 'package-lock.json': string } {
  const manifest = { name: 'p', version: '1.0.0', dependencies: { dep: '1.0.0' } };
  const dep = { version: '1.0.0', resolved: `${url}/dep-1.0.0.tgz`, integrity };
  return {
    'package.json': JSON.stringify(manifest),
    'package-lock.json': JSON.stringify({
      ...manifest,
      lockfileVersion: 3,
      packages: { '': manifest, 'node_modules/dep': dep },
    }),
  };
}

const missing = await RedisRig.missing();

describe.skipIf(missing !== undefined)(
  `packages on a fleet${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let fleet: FleetRig;
    beforeAll(async () => {
      fleet = await FleetRig.start();
    });
    afterAll(async () => fleet[Symbol.asyncDispose]());

    test('a step may import packages, which a worker installs once for each lock', async () => {
      const dep = await fleet.project({
        'package.json': '{ "name": "dep", "version": "1.0.0", "files": ["index.js"] }',
        'index.js': `exports.word = 'packed';\n`,
      });
      await execa('npm', ['pack'], { cwd: dep.dir });
      const tarball = readFileSync(join(dep.dir, 'dep-1.0.0.tgz'));
      await using packages = await Receiver.start((response, nth) =>
        nth === 1 ? response.end(tarball) : response.writeHead(404).end(),
      );
      const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
      const files = {
        'recipe.yaml': 'steps: { a: { uses: ./steps/a.ts, queue: packages } }\n',
        ...needingDep(packages.url, integrity),
        'steps/a.ts': `import { writeFileSync } from 'node:fs';
import { defineStep, Type } from 'stockpot/steps';
export const step = defineStep({
  title: 'A',
  config: Type.Object({}),
  inputs: {},
  outputs: { x: { path: 'x.txt', kind: 'file' } },
  run: async ({ outputs }) => writeFileSync(outputs.x, (await import('dep')).word),
});
`,
      };
      const [rig, again] = [await fleet.project(files), await fleet.project(files)];
      await fleet.worker('--queue', 'packages');
      expect(await rig.run('-p', 'fleet')).toEqual({ a: 'succeeded' });
      const forced = await again.events('-p', 'fleet', '--force');
      expect(forced.find(({ type }) => type === 'step.failed')).toBeUndefined();
      expect(outcomes(forced)).toEqual({ a: 'succeeded' });
      expect(packages.got.length).toBe(1);
      const other = files['package-lock.json'].replace(integrity, `sha512-${'a'.repeat(86)}==`);
      const broken = await fleet.project({ ...files, 'package-lock.json': other });
      const events = await broken.events('-p', 'fleet', '--force');
      expect(events.find(({ type }) => type === 'step.failed')).toMatchObject({
        failure: { reason: 'infra', detail: expect.stringContaining('404') },
      });
    });

    test('a step whose packages do not come ends with its run, and says what it waits for', async () => {
      await using packages = await Receiver.start(() => {});
      const rig = await fleet.project({
        'recipe.yaml': 'steps: { a: { uses: ./steps/a.ts, queue: silent } }\n',
        ...needingDep(packages.url),
        'steps/a.ts': `import { defineStep, Type } from 'stockpot/steps';
export const step = defineStep({
  title: 'A', config: Type.Object({}), inputs: {}, outputs: {}, run: async () => void (await import('dep')),
});
`,
      });
      const machine = await fleet.machine();
      const worker = await fleet.workerIn(machine, '--queue', 'silent');
      const run = new FollowedRun(rig, '-p', 'fleet');
      await run.until(
        (event) => event.type === 'step.output' && event.text.includes('installs the packages'),
      );
      await packages.received(1);
      run.kill('SIGINT');
      expect((await run.end()).exit).toBe(130);
      expect(await worker.said('ended')).toMatchObject({ reason: 'cancelled' });
      expect(await worker.end('SIGTERM')).toMatchObject({ exit: 0 });
      expect(readdirSync(join(machine.dir, '.stockpot/environments'))).toEqual([]);
    });
  },
);
