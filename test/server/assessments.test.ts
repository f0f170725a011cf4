import { expect, test } from 'vitest';
import { type Answer, ServerRig, v3 } from '../rigs/server-rig.ts';

const BY = { source_type: 'HUMAN', source_id: 'ann' };

async function withTrace(assessments: readonly object[] = []): Promise<ServerRig> {
  const rig = ServerRig.create();
  const info = {
    trace_id: 'tr-1',
    trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } },
    request_time: '2025-01-01T00:00:00Z',
    state: 'OK',
    assessments,
  };
  expect(await v3(rig, 'POST', '', { trace: { trace_info: info } })).toMatchObject({ status: 200 });
  return rig;
}

async function assess(rig: ServerRig, assessment: object): Promise<Answer> {
  return v3(rig, 'POST', '/tr-1/assessments', {
    assessment: { assessment_name: 'right', source: BY, ...assessment },
  });
}

async function change(rig: ServerRig, id: string, mask: string, assessment: object): Promise<Answer> {
  return v3(rig, 'PATCH', `/tr-1/assessments/${id}`, { assessment, update_mask: mask });
}

async function assessments(rig: ServerRig): Promise<readonly Record<string, unknown>[]> {
  const { body } = await v3(rig, 'GET', '/tr-1');
  const { trace } = body as { trace: { trace_info: { assessments?: Record<string, unknown>[] } } };
  return trace.trace_info.assessments ?? [];
}

test('an assessment is read as it was made, by itself and with its trace', async () => {
  await using rig = await withTrace();
  const made = await assess(rig, {
    span_id: 's1',
    feedback: { value: { score: 0.5, why: ['a', null] } },
    rationale: 'short',
    metadata: { k: 'v' },
    create_time: '2025-01-01T00:00:01.500Z',
  });
  expect(made).toEqual({
    status: 200,
    body: {
      assessment: {
        assessment_id: expect.stringMatching(/^a-\d{32}$/),
        assessment_name: 'right',
        trace_id: 'tr-1',
        span_id: 's1',
        source: BY,
        create_time: '2025-01-01T00:00:01.500Z',
        last_update_time: '1970-01-01T00:00:01.000Z',
        feedback: { value: { score: 0.5, why: ['a', null] } },
        rationale: 'short',
        metadata: { k: 'v' },
        valid: true,
      },
    },
  });
  const { assessment } = made.body as { assessment: { assessment_id: string } };
  expect(await v3(rig, 'GET', `/tr-1/assessments/${assessment.assessment_id}`)).toEqual(made);
  expect(await assessments(rig)).toEqual([assessment]);
  const location = { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } };
  expect(await v3(rig, 'POST', '/search', { locations: [location] })).toMatchObject({
    body: { traces: [{ assessments: [assessment] }] },
  });
});

test.each([
  ['a number', { feedback: { value: 1.5 } }],
  ['a truth', { feedback: { value: false } }],
  ['an error', { feedback: { value: null, error: { error_code: 'LIMIT', error_message: 'too many' } } }],
  ['an expected text', { expectation: { value: 'Paris' } }],
  [
    'an expected list',
    { expectation: { serialized_value: { serialization_format: 'JSON_FORMAT', value: '["a",{"b":1}]' } } },
  ],
  ['a fault', { issue: { issue_name: 'slow' } }],
])('its value may be %s', async (_, value) => {
  await using rig = await withTrace();
  const { status, body } = await assess(rig, value);
  expect([status, body['assessment']]).toEqual([200, expect.objectContaining(value)]);
});

test('a trace brings its own, and brings them again changed', async () => {
  const one = { assessment_id: 'a-1', assessment_name: 'right', source: BY, feedback: { value: true } };
  await using rig = await withTrace([one]);
  expect(await assessments(rig)).toMatchObject([one]);
  const again = { ...one, feedback: { value: false } };
  await v3(rig, 'POST', '', {
    trace: {
      trace_info: {
        trace_id: 'tr-1',
        trace_location: { mlflow_experiment: { experiment_id: '0' } },
        request_time: '2025-01-01T00:00:00Z',
        assessments: [again],
      },
    },
  });
  expect(await assessments(rig)).toMatchObject([again]);
});

test('only what the mask names is changed; metadata is added to', async () => {
  await using rig = await withTrace();
  await assess(rig, { assessment_id: 'a-1', feedback: { value: 1 }, rationale: 'old', metadata: { k: 'v' } });
  rig.now = 2000;
  expect(
    await change(rig, 'a-1', 'feedback,assessmentName,metadata', {
      assessment_name: 'better',
      feedback: { value: 2 },
      rationale: 'new',
      metadata: { l: 'w' },
    }),
  ).toMatchObject({
    status: 200,
    body: {
      assessment: {
        assessment_name: 'better',
        feedback: { value: 2 },
        rationale: 'old',
        metadata: { k: 'v', l: 'w' },
        create_time: '1970-01-01T00:00:01.000Z',
        last_update_time: '1970-01-01T00:00:02.000Z',
      },
    },
  });
});

test('one stands in for another until it is deleted', async () => {
  await using rig = await withTrace();
  await assess(rig, { assessment_id: 'a-1', feedback: { value: 'no' } });
  await assess(rig, { assessment_id: 'a-2', feedback: { value: 'yes' }, overrides: 'a-1' });
  const valid = async (): Promise<unknown[]> =>
    (await assessments(rig)).map(({ assessment_id, valid }) => [assessment_id, valid]);
  expect(await valid()).toEqual([
    ['a-1', false],
    ['a-2', true],
  ]);
  for (let time = 0; time < 2; time += 1)
    expect(await v3(rig, 'DELETE', '/tr-1/assessments/a-2')).toEqual({ status: 200, body: {} });
  expect(await valid()).toEqual([['a-1', true]]);
});

test('they go with their trace', async () => {
  await using rig = await withTrace();
  await assess(rig, { assessment_id: 'a-1', feedback: { value: 'no' } });
  await v3(rig, 'POST', '/delete-traces', { experiment_id: '0', request_ids: ['tr-1'] });
  expect(await v3(rig, 'GET', '/tr-1/assessments/a-1')).toMatchObject({
    status: 404,
    body: { message: "Trace with ID 'tr-1' not found." },
  });
});

test.each([
  ['no value', {}, /Exactly one of/],
  ['two values', { feedback: { value: 1 }, expectation: { value: 1 } }, /Cannot specify several/],
  ['no source', { feedback: { value: 1 }, source: undefined }, /'assessment.source'/],
  ['an unknown source', { feedback: { value: 1 }, source: { source_type: 'CAT' } }, /source_type/],
  ['no name', { feedback: { value: 1 }, assessment_name: undefined }, /'assessment.assessment_name'/],
  ['a long name', { feedback: { value: 1 }, assessment_name: 'x'.repeat(251) }, /Assessment name/],
  ['half a character', { feedback: { value: ['\uD800'] } }, /half a character/],
  ['an id with a slash', { feedback: { value: 1 }, assessment_id: '../a' }, /Invalid assessment ID/],
  [
    'an unknown format',
    { expectation: { serialized_value: { serialization_format: 'PICKLE', value: '1' } } },
    /Only JSON_FORMAT/,
  ],
  [
    'broken JSON',
    { expectation: { serialized_value: { serialization_format: 'JSON_FORMAT', value: '{' } } },
    /no JSON/,
  ],
])('with %s it is refused', async (_, assessment, message) => {
  await using rig = await withTrace();
  expect(await assess(rig, assessment)).toMatchObject({
    status: 400,
    body: { error_code: 'INVALID_PARAMETER_VALUE', message: expect.stringMatching(message) },
  });
  expect(await assessments(rig)).toEqual([]);
});

test('what cannot be is refused, and changes nothing', async () => {
  await using rig = await withTrace([
    { assessment_id: 'a-1', assessment_name: 'right', source: BY, feedback: { value: 1 } },
  ]);
  const before = await assessments(rig);
  const code = async (answer: Promise<Answer>): Promise<unknown> => (await answer).body['error_code'];
  expect(await code(assess(rig, { assessment_id: 'a-1', feedback: { value: 2 } }))).toBe(
    'RESOURCE_ALREADY_EXISTS',
  );
  expect(await code(assess(rig, { feedback: { value: 2 }, overrides: 'a-9' }))).toBe(
    'RESOURCE_DOES_NOT_EXIST',
  );
  expect(await code(change(rig, 'a-1', 'expectation', { expectation: { value: 2 } }))).toBe(
    'INVALID_PARAMETER_VALUE',
  );
  expect(await code(change(rig, 'a-1', 'valid', { valid: false }))).toBe('INVALID_PARAMETER_VALUE');
  expect(await code(change(rig, 'a-9', 'rationale', { rationale: 'x' }))).toBe('RESOURCE_DOES_NOT_EXIST');
  expect(await code(v3(rig, 'GET', '/tr-1/assessments/a-9'))).toBe('RESOURCE_DOES_NOT_EXIST');
  expect(await code(v3(rig, 'DELETE', '/tr-9/assessments/a-1'))).toBe('RESOURCE_DOES_NOT_EXIST');
  const other = {
    trace_id: 'tr-2',
    trace_location: { mlflow_experiment: { experiment_id: '0' } },
    request_time: '2025-01-01T00:00:00Z',
    assessments: [{ assessment_id: 'a-1', assessment_name: 'wrong', source: BY, feedback: { value: 1 } }],
  };
  expect(await v3(rig, 'POST', '', { trace: { trace_info: other } })).toMatchObject({
    status: 400,
    body: { message: 'The assessment a-1 belongs to another trace.' },
  });
  expect(await assessments(rig)).toEqual(before);
});
