import { expect, test } from 'vitest';
import { type Findings, tableOf } from './chaos/findings.ts';

const part = (campaign: string, kinds: Findings['kinds']): Findings => ({
  campaign,
  seeds: [1, 9],
  trials: 9,
  seconds: 60,
  violations: 1,
  kinds,
});

test('the table of faults sums what several campaigns have found, by kind', () => {
  expect(
    tableOf([
      part('chaos', {
        'a run is killed': { faults: 3, violated: 0 },
        'a bit is flipped': { faults: 1, violated: 1 },
      }),
      part('chaos:server', { 'the server is killed': { faults: 20, violated: 0 } }),
      part('chaos', { 'a run is killed': { faults: 4, violated: 2 } }),
    ]),
  ).toMatchInlineSnapshot(`
    "| campaign | fault | injected | in a trial with a violation |
    | --- | --- | --: | --: |
    | \`chaos\` | a bit is flipped | 1 | 1 |
    | \`chaos\` | a run is killed | 7 | 2 |
    | \`chaos:server\` | the server is killed | 20 | 0 |
    | all | | 28 | 3 |"
  `);
});
