import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

const ASKED = {
  experiment_id: '0',
  run_name: 'tried',
  tags: [{ key: 'team', value: 'a' }],
  prompt_template: 'Say {{ what }} to {{ whom }}',
  prompt_parameters: [
    { key: 'what', value: 'yes: "ü"\u2028\u0085' },
    { key: 'whom', value: 3 },
  ],
  model_route: 'chat',
  model_parameters: [{ key: 'temperature', value: 0.5 }],
  model_input: 'Say yes to 3',
  model_output: 'Yes, 3.',
  model_output_parameters: [{ key: 'MLFLOW_latency', value: 12 }],
  mlflow_version: '2.22.0',
  user_id: 'ann',
  start_time: 900,
};
const MODEL = {
  run_id: '1'.padStart(32, '0'),
  artifact_path: 'model',
  utc_time_created: '1970-01-01 00:00:01.000000',
  model_uuid: '2'.padStart(32, '0'),
  flavors: {},
};

async function fileOf(rig: ServerRig, path: string): Promise<string> {
  const { body } = await rig.app.inject({
    method: 'GET',
    url: `/get-artifact?run_id=${MODEL.run_id}&path=${path}`,
    headers: HOST,
  });
  return body;
}

describe('a run of MLflow’s page for prompts', () => {
  test('has what was tried as params and tags, and is finished', async () => {
    await using rig = ServerRig.create();
    const { status, body } = await rig.post('runs/create-promptlab-run', ASKED);
    expect([status, body]).toEqual([
      200,
      {
        run: {
          info: {
            run_id: MODEL.run_id,
            run_uuid: MODEL.run_id,
            experiment_id: '0',
            run_name: 'tried',
            user_id: 'ann',
            status: 'FINISHED',
            start_time: 900,
            end_time: 1000,
            artifact_uri: `mlflow-artifacts:/0/${MODEL.run_id}/artifacts`,
            lifecycle_stage: 'active',
          },
          data: {
            metrics: [],
            params: [
              { key: 'model_route', value: 'chat' },
              { key: 'prompt_template', value: ASKED.prompt_template },
              { key: 'temperature', value: '0.5' },
            ],
            tags: [
              { key: 'mlflow.log-model.history', value: JSON.stringify([MODEL]) },
              {
                key: 'mlflow.loggedArtifacts',
                value: '[{"path":"eval_results_table.json","type":"table"}]',
              },
              { key: 'mlflow.runName', value: 'tried' },
              { key: 'mlflow.runSourceType', value: 'PROMPT_ENGINEERING' },
              { key: 'team', value: 'a' },
            ],
          },
          inputs: { dataset_inputs: [] },
        },
      },
    ]);
  });

  test('has a table of one row and a model that MLflow loads', async () => {
    await using rig = ServerRig.create();
    await rig.post('runs/create-promptlab-run', ASKED);
    const [what] = ASKED.prompt_parameters.map(({ value }) => value);
    expect(JSON.parse(await fileOf(rig, 'eval_results_table.json'))).toEqual({
      columns: ['what', 'whom', 'prompt', 'output', 'MLFLOW_latency'],
      data: [[what, '3', 'Say yes to 3', 'Yes, 3.', '12']],
    });
    const { body } = await rig.get('artifacts/list', { run_id: MODEL.run_id, path: 'model' });
    expect((body['files'] as { path: string }[]).map(({ path }) => path)).toEqual(
      [
        'MLmodel',
        'conda.yaml',
        'input_example.json',
        'parameters.yaml',
        'python_env.yaml',
        'requirements.txt',
        'serving_input_example.json',
      ].map((name) => `model/${name}`),
    );
    const parameters = await fileOf(rig, 'model/parameters.yaml');
    expect(parameters).not.toMatch(/[\u0080-\u009f\u2028]/);
    expect(parse(parameters, { version: '1.1' })).toEqual({
      prompt_template: ASKED.prompt_template,
      prompt_parameters: { what, whom: '3' },
      model_parameters: { temperature: '0.5' },
      model_route: 'chat',
    });
    expect(parse(await fileOf(rig, 'model/MLmodel'))).toMatchObject({
      ...MODEL,
      flavors: { python_function: { loader_module: 'mlflow.prompt.promptlab_model' } },
      signature: {
        inputs:
          '[{"type":"string","name":"what","required":true},{"type":"string","name":"whom","required":true}]',
        outputs: '[{"type":"string","name":"output","required":true}]',
      },
    });
  });

  test('says by itself who and when, and has no output yet', async () => {
    await using rig = ServerRig.create();
    const {
      run_name: _1,
      tags: _2,
      model_output: _3,
      model_output_parameters: _4,
      model_parameters: _5,
      user_id: _6,
      start_time: _7,
      ...least
    } = ASKED;
    const { body } = await rig.post('runs/create-promptlab-run', least);
    expect(body).toMatchObject({ run: { info: { user_id: 'unknown', start_time: 1000 } } });
    expect(JSON.parse(await fileOf(rig, 'eval_results_table.json'))).toMatchObject({
      columns: ['what', 'whom', 'prompt', 'output'],
      data: [[expect.anything(), '3', 'Say yes to 3', null]],
    });
  });

  test.each([
    'experiment_id',
    'prompt_template',
    'prompt_parameters',
    'model_route',
    'model_input',
    'mlflow_version',
  ])('is not made without %s', async (name) => {
    await using rig = ServerRig.create();
    for (const value of [undefined, name === 'prompt_parameters' ? [] : ''])
      expect(await rig.post('runs/create-promptlab-run', { ...ASKED, [name]: value })).toEqual({
        status: 400,
        body: {
          error_code: 'INVALID_PARAMETER_VALUE',
          message: `CreatePromptlabRun request must specify ${name}.`,
        },
      });
  });

  test('is made whole or not at all', async () => {
    await using rig = ServerRig.create();
    const at = { name: 'elsewhere', artifact_location: 's3://bucket/x' };
    const { body } = await rig.post('experiments/create', at);
    for (const [wrong, status] of [
      [{ model_parameters: [{ key: 'a!', value: '1' }] }, 400],
      [{ model_parameters: [{ key: 'model_route', value: 'another' }] }, 400],
      [{ experiment_id: '99' }, 404],
      [{ experiment_id: body['experiment_id'] }, 501],
    ] as const)
      expect([wrong, (await rig.post('runs/create-promptlab-run', { ...ASKED, ...wrong })).status]).toEqual([
        wrong,
        status,
      ]);
    const all = { experiment_ids: ['0', String(body['experiment_id'])] };
    expect((await rig.post('runs/search', all)).body).toEqual({ runs: [] });
    expect(rig.bugs).toEqual([]);
  });
});
