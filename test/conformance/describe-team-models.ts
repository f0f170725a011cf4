import { describe, expect, test } from 'vitest';
import { RegistryRig } from '../rigs/registry-rig.ts';

/** What recipes of two machines without a common cache make of the models on one server, empty at first. */
export function describeTeamModels(
  name: string,
  open: () => Promise<{ readonly url: string } & AsyncDisposable>,
): void {
  describe(`${name}: models`, () => {
    test('are registered with their files, by whoever trains them, and judged against from anywhere', async () => {
      await using server = await open();
      await using ann = await RegistryRig.create(', alias: champion');
      await using ben = await RegistryRig.create(', alias: champion');
      for (const rig of [ann, ben]) rig.cli.env['STOCKPOT_TRACKING_URL'] = server.url;
      expect(await ann.train(1)).toMatchObject({ effect: 'done' });
      const api = `${server.url}/api/2.0`;
      const answer = await fetch(`${api}/mlflow/registered-models/alias?name=m&alias=champion`);
      const { model_version } = (await answer.json()) as {
        model_version: { source: string; run_id: string };
      };
      const { source, run_id } = model_version;
      expect(source).toMatch(new RegExp(`^mlflow-artifacts:/\\d+/${run_id}/artifacts/model$`));
      const path = source.replace('mlflow-artifacts:/', '');
      const file = await fetch(`${api}/mlflow-artifacts/artifacts/${path}/MLmodel`);
      expect(await file.text()).toBe('n: 1\n');

      // Ben's machine has never seen the champion: its files are fetched. The same model is no second version.
      expect(await ben.train(2)).toMatchObject({ judge: 'succeeded', effect: 'done' });
      expect(await ben.train(1)).toMatchObject({ effect: 'done' });
      const { versions } = await ann.show();
      expect(versions.map(({ version, aliases }) => [version, aliases])).toEqual([
        ['2', []],
        ['1', ['champion']],
      ]);
      expect(versions[0]?.tags['stockpot.compared_with']).toBe(versions[1]?.modelDigest);
      expect(await ann.promote('m/2', '--to', 'staging')).toEqual({ exit: 0, before: null, after: '2' });
      expect(await ben.at('staging')).toBe('2');
      expect(await ann.train(1)).toMatchObject({ effect: 'unchanged' });
    });
  });
}
