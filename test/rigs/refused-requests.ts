/** A request that MLflow's REST API refuses; `body` is the query of a GET. */
export interface RefusedRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body: object;
}

/** What a server answers, with what is its own in words: ids. */
export interface Refusal {
  readonly status: number;
  readonly code: unknown;
  readonly message: unknown;
}

/** Ids by the names that requests have for them. */
type Ids = Readonly<Record<'RUN' | 'GONE' | 'EXPERIMENT' | 'GONE_EXPERIMENT', string>>;

/** What one server, new and empty, answers to each of `requests`, by their names. */
export async function refusals(
  url: string,
  requests: Readonly<Record<string, RefusedRequest>>,
): Promise<Record<string, Refusal>> {
  const ids = await prepare(url);
  const answers: Record<string, Refusal> = {};
  for (const [name, request] of Object.entries(requests)) {
    const { status, body } = await ask(url, request, ids);
    const { error_code: code, message } = body;
    answers[name] = { status, code, message: typeof message === 'string' ? unnamed(message, ids) : message };
  }
  return answers;
}

/** Two experiments, one of them deleted; two runs, one of them deleted; a model of one version. */
async function prepare(url: string): Promise<Ids> {
  const post = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const { status, body: answer } = await ask(url, { method: 'POST', path, body }, {});
    if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(answer)}`);
    return answer;
  };
  const experiment = async (name: string): Promise<string> =>
    String((await post('experiments/create', { name }))['experiment_id']);
  const EXPERIMENT = await experiment('kept');
  const GONE_EXPERIMENT = await experiment('gone');
  await post('experiments/delete', { experiment_id: GONE_EXPERIMENT });
  const run = async (): Promise<string> => {
    const answer = await post('runs/create', { experiment_id: EXPERIMENT, start_time: 1 });
    return (answer as { run: { info: { run_id: string } } }).run.info.run_id;
  };
  const [RUN, GONE] = [await run(), await run()];
  await post('runs/delete', { run_id: GONE });
  for (const key of ['p', 'q']) await post('runs/log-parameter', { run_id: RUN, key, value: '1' });
  await post('registered-models/create', { name: 'm' });
  await post('registered-models/create', { name: 'n' });
  const source = `mlflow-artifacts:/${EXPERIMENT}/${RUN}/artifacts/model`;
  await post('model-versions/create', { name: 'm', source, run_id: RUN });
  return { RUN, GONE, EXPERIMENT, GONE_EXPERIMENT };
}

async function ask(
  url: string,
  { method, path, body }: RefusedRequest,
  ids: Readonly<Record<string, string>>,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const text = JSON.stringify(body, (_, value: unknown) =>
    typeof value === 'string' ? (ids[value] ?? value) : value,
  );
  const address = path.startsWith('/') ? `${url}${path}` : `${url}/api/2.0/mlflow/${path}`;
  const response =
    method === 'GET'
      ? await fetch(
          `${address}?${new URLSearchParams(JSON.parse(text) as Record<string, string>).toString()}`,
        )
      : await fetch(address, { method, headers: { 'content-type': 'application/json' }, body: text });
  const answer = await response.text();
  try {
    return { status: response.status, body: JSON.parse(answer) as Record<string, unknown> };
  } catch {
    // MLflow's own server has pages for some.
    return { status: response.status, body: { message: answer } };
  }
}

function unnamed(message: string, ids: Ids): string {
  return message.replaceAll(ids.RUN, 'RUN').replaceAll(ids.GONE, 'GONE');
}
