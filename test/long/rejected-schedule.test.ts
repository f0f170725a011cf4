import { expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { Receiver } from '../rigs/receiver.ts';

const RECIPE = `template: regression/v1
target_col: y
primary_metric: root_mean_squared_error
steps:
  ingest: { location: ./data.csv }
  train: { using: linear }
  evaluate: { validation_criteria: [{ metric: r2_score, threshold: 0.5 }] }
  register: { model_name: lines, alias: champion }
`;

/** With `slope` 0, nothing of y can be told from x. */
function table(slope: number): string {
  const rows = Array.from({ length: 400 }, (_, index) => {
    const noise = ((index * 7919) % 97) / 97;
    return `${index % 50},${slope * (index % 50) + noise}`;
  });
  return `x,y\n${rows.join('\n')}\n`;
}

async function aliases(rig: CliRig): Promise<Record<string, readonly string[]>> {
  const { out } = await rig.recipe('models', 'show', 'lines', '--json');
  const { versions } = JSON.parse(out) as { versions: { version: string; aliases: string[] }[] };
  return Object.fromEntries(versions.map(({ version, aliases }) => [version, aliases]));
}

test('a schedule of a template whose new model is REJECTED leaves the champion where it was, and says so', async () => {
  await using receiver = await Receiver.start();
  await using rig = await CliRig.create({
    'recipe.yaml': RECIPE,
    'data.csv': table(3),
    'profiles/local.yaml': `schedule: { every: 1000d }\nnotify: { webhook: { url: "${receiver.url}" } }\n`,
  });
  expect(await rig.recipe('schedules', 'apply')).toMatchObject({ exit: 0 });
  const [{ name = '' } = {}] = JSON.parse((await rig.recipe('schedules', 'list', '--json')).out) as {
    name?: string;
  }[];
  expect(await rig.recipe('schedules', 'run', name)).toMatchObject({ exit: 0 });
  const before = await aliases(rig);
  expect(before).toEqual({ '1': ['champion'] });
  expect(receiver.got).toEqual([]);

  await rig.write('data.csv', table(0));
  const { exit, out } = await rig.recipe('schedules', 'run', name, '--json');
  expect([exit, out]).toEqual([0, expect.stringContaining('"state":"rejected"')]);
  expect((await aliases(rig))['1']).toEqual(['champion']);
  expect(receiver.got.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
    expect.objectContaining({ event: 'rejected', step: 'evaluate', verdict: 'REJECTED', schedule: name }),
  ]);
});
