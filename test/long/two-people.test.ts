import { expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { TeamRig } from '../rigs/team-rig.ts';

const TRAIN = `import json, os
task = json.load(open(os.environ['STOCKPOT_STEP']))
rows = open(os.environ['IN_rows']).read()
os.makedirs(os.environ['OUT_model'])
open(os.path.join(os.environ['OUT_model'], 'MLmodel'), 'w').write('%s %s\\n' % (rows, task['config']['n']))
`;
/** As `evaluate` does: better than the champion it looked at, or than none. */
const JUDGE = `import json, os
task = json.load(open(os.environ['STOCKPOT_STEP']))
verdict = {'verdict': 'VALIDATED', 'criteria': []}
if 'champion' in task['inputs']:
    verdict['champion'] = task['inputs']['champion']['digest']
json.dump(verdict, open(os.environ['OUT_verdict'], 'w'))
`;
const PROJECT = {
  'recipe.yaml': `steps:
  clean: { run: "tr a-z A-Z < {{ inputs.rows }} > {{ outputs.rows }}", inputs: { rows: ./rows.csv }, outputs: { rows: rows.csv } }
  train: { uses: ./train.py, with: { n: 1 }, inputs: { rows: clean.rows }, outputs: { model: { path: model, kind: model } } }
  judge: { uses: ./judge.py, inputs: { model: train.model, champion: "models:/m@champion" }, outputs: { verdict: { path: verdict.json, kind: value } } }
  register: { uses: register, with: { model_name: m, alias: champion }, inputs: { model: train.model, verdict: judge.verdict } }
`,
  'rows.csv': 'a,b\n',
  'train.py': TRAIN,
  'judge.py': JUDGE,
};

test('one’s recipe wants to promote, another approves, and a third makes the model again from the server alone', async () => {
  await using team = await TeamRig.start();
  await using ann = await CliRig.create(PROJECT);
  await using bob = await CliRig.create(TeamRig.recipe);
  await using eve = await CliRig.create();
  for (const [rig, name] of [[ann, 'ann'] as const, [bob, 'bob'] as const, [eve, 'eve'] as const])
    await team.join(rig, name);
  expect((await ann.recipe('run')).exit).toBe(0);
  await team.home.recipe('server', 'group', 'add', 'risk');
  await team.home.recipe('server', 'group', 'add', 'risk', 'bob');
  for (const who of ['group:risk', 'user:eve'])
    await team.home.recipe('server', 'grant', 'READ', 'model:m', who);
  const protect = ['models', 'protect', 'm', '--require', 'validated', '--approvers', 'group:risk'];
  expect(await ann.recipe(...protect)).toMatchObject({ exit: 0 });

  const wanted = await ann.recipe('run', '-S', 'steps.train.with.n=2');
  expect(wanted).toMatchObject({ exit: 0, err: '' });
  expect(wanted.out).toContain(
    'register: model m, version 2, alias champion is pending: somebody else approves it with `recipe models approve 1`\n',
  );
  const own = await ann.recipe('models', 'approve', '1');
  expect([own.exit, own.err]).toEqual([
    2,
    expect.stringContaining('ann asked for it: somebody else approves'),
  ]);
  expect(await bob.recipe('models', 'approve', '1')).toMatchObject({
    exit: 0,
    out: 'm: champion → version 2 (before: 1)\n',
  });
  expect((await team.history()).slice(-3)).toEqual([
    ['ann', undefined, 'ask for champion'],
    ['bob', undefined, 'alias champion'],
    ['bob', undefined, 'approve champion #1'],
  ]);
  const history = await bob.recipe('models', 'history', 'm');
  expect(history.out).toMatch(/ ann +ask for champion +1 +2\n.* bob +alias champion +1 +2\n/);

  const made = JSON.parse((await ann.recipe('models', 'show', 'm', '--json')).out) as {
    versions: { version: string; modelDigest: string; aliases: string[] }[];
  };
  const champion = made.versions.find(({ aliases }) => aliases.includes('champion'));
  const again = await eve.recipe('reproduce', 'models:/m@champion', '--json');
  expect([again.exit, again.err]).toEqual([0, '']);
  const said = JSON.parse(again.out) as { same: boolean; outputs: { step: string; now: string }[] };
  expect(said).toMatchObject({ same: true, differences: [] });
  expect(said.outputs.map(({ step }) => step)).toEqual(['clean', 'train']);
  expect([champion?.version, said.outputs.at(-1)?.now]).toEqual(['2', champion?.modelDigest]);
});
