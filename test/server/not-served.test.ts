import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

const DOCS = readFileSync(join(import.meta.dirname, '../../docs/mlflow-compatibility.md'), 'utf8');

test.each([
  ['scorers/…', 'POST', 'scorers/register'],
  ['scorer/invoke', 'POST', 'scorer/invoke'],
  ['genai/evaluate/invoke', 'POST', 'genai/evaluate/invoke'],
  ['issues/…', 'POST', 'issues/search'],
  ['review-queues/…', 'POST', 'review-queues/create'],
  ['label-schemas/…', 'POST', 'label-schemas/create'],
  ['traces/calculate-filter-correlation', 'POST', 'traces/calculate-filter-correlation'],
  ['traces/metrics', 'POST', 'traces/metrics'],
  ['get-online-trace-details', 'GET', 'get-online-trace-details'],
  ['unified-traces', 'GET', 'unified-traces'],
  ['artifacts/presigned-upload-url', 'POST', 'artifacts/presigned-upload-url'],
  ['artifacts/presigned-download-url', 'POST', 'artifacts/presigned-download-url'],
  ['gateway/…', 'POST', 'gateway/endpoints/create'],
  ['jobs/…', 'PATCH', 'jobs/cancel/1'],
  ['prompt-optimization/jobs/…', 'POST', 'prompt-optimization/jobs'],
  ['workspaces/…', 'GET', 'workspaces/a'],
  ['roles/…', 'POST', 'roles/create'],
  ['users/permissions/…', 'POST', 'users/permissions/grant'],
  ['demo/…', 'POST', 'demo/generate'],
  ['ui-telemetry', 'POST', 'ui-telemetry'],
] as const)('%s is not there, as docs/mlflow-compatibility.md says', async (listed, method, path) => {
  await using rig = ServerRig.create();
  for (const version of ['2.0', '3.0']) {
    const { statusCode, body } = await rig.app.inject({
      method,
      url: `/api/${version}/mlflow/${path}`,
      headers: HOST,
      ...(method === 'GET' ? {} : { payload: {} }),
    });
    expect({ statusCode, body: JSON.parse(body) as unknown }).toMatchObject({
      statusCode: 404,
      body: { error_code: 'ENDPOINT_NOT_FOUND' },
    });
  }
  expect(DOCS.split('Not in this version')[1]).toContain(`\`${listed}\``);
});
