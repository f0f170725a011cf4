import { describe, expect, test } from 'vitest';
import { AccessRig } from '../rigs/access-rig.ts';
import { sendRaw } from '../rigs/send-raw.ts';

/** What takes the square of this many steps takes minutes. */
const LONG = 500_000;

const ones = '1'.repeat(LONG);
const slashes = '/'.repeat(LONG);
const spaces = ' '.repeat(LONG);
const letters = 'a'.repeat(LONG);

type Case = readonly [string, string, Readonly<Record<string, unknown>>];

const search = (filter: string): Case => ['POST', 'runs/search', { experiment_ids: ['0'], filter }];
const version = (source: string): Case => ['POST', 'model-versions/create', { name: 'm', source }];

/** Texts that a pattern which goes back and forth over them would take the square of their length for. */
describe('a text of half a megabyte is answered at once', () => {
  test.each<[string, Case]>([
    ['a number in a filter', search(`metrics.a > ${ones}x`)],
    ['a number with a point in a filter', search(`metrics.a > 1.${ones}x`)],
    ['a number with an exponent in a filter', search(`metrics.a > 1e${ones}x`)],
    ['a text in a filter that is not closed', search(`tags.a = '${letters}`)],
    ['quotes in a filter', search(`tags.a = '${"''".repeat(LONG / 2)}`)],
    ['spaces in a filter', search(`${spaces}x`)],
    ['spaces in an operator', search(`tags.a IS${spaces}x`)],
    ['a list in a filter', search(`attributes.run_id IN (${"'a',".repeat(LONG / 4)}`)],
    ['a name in backquotes', search(`tags.\`${letters}`)],
    ['an order', ['POST', 'runs/search', { experiment_ids: ['0'], order_by: [`metrics.a${spaces}x`] }]],
    [
      'an order by a name',
      ['POST', 'runs/search', { experiment_ids: ['0'], order_by: [`tags.\`${letters}`] }],
    ],
    ['a token of a page', ['POST', 'runs/search', { experiment_ids: ['0'], page_token: letters }]],
    ['slashes in the source of a version', version(`runs:/r${slashes}x`)],
    ['slashes in a source of the server', version(`mlflow-artifacts:${slashes}x`)],
    ['slashes and no end in a source', version(`s3:${slashes}\u2028`)],
    ['points in a source', version(`s3:${'/..'.repeat(LONG / 3)}x`)],
    ['a scheme', version(letters)],
    ['a scheme with its end', version(`${letters}:x`)],
    [
      'slashes in the place of an experiment',
      ['POST', 'experiments/create', { name: 'x', artifact_location: `s3:/${slashes}x` }],
    ],
    [
      'slashes in a place of the server',
      ['POST', 'experiments/create', { name: 'x', artifact_location: `mlflow-artifacts:${slashes}x` }],
    ],
    ['slashes in the name of a model', ['POST', 'registered-models/create', { name: `${slashes}x` }]],
    ['spaces in a number', ['POST', 'runs/search', { experiment_ids: ['0'], max_results: `${spaces}x` }]],
    ['digits of a number', ['POST', 'runs/search', { experiment_ids: ['0'], max_results: `${ones}x` }]],
    [
      'the name of a user',
      ['POST', 'users/create', { username: `${letters}!`, password: 'correct horse battery' }],
    ],
    [
      'slashes in the name of a metric',
      ['POST', 'runs/log-metric', { run_id: 'r', key: `${slashes}x`, value: 1, timestamp: 1 }],
    ],
    [
      'the address of a webhook',
      ['POST', 'webhooks', { name: 'w', url: `https://${letters}:x`, events: [] }],
    ],
  ])('%s', async (_, [method, path, body]) => {
    await using rig = AccessRig.create();
    const token = await rig.user('root', 'admin');
    const { status } = await sendRaw(await rig.server.listen(), {
      method,
      path: `/api/2.0/mlflow/${path}`,
      headers: { host: 'localhost', 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
    expect([status < 500, rig.server.bugs]).toEqual([true, []]);
  });
});
