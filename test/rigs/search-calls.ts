import { HOST, type ServerRig } from './server-rig.ts';

export interface Asked {
  readonly filter: string;
  readonly orderBy: readonly string[];
}

/** A search of the server, and how it is asked. */
export interface SearchCall {
  readonly of: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly fields: (asked: Asked) => object;
  /** A text that its filter compares, and one of many names that it orders by. */
  readonly text: string;
  readonly key: (n: number) => string;
}

const plain =
  (more: object) =>
  ({ filter, orderBy }: Asked): object => ({ ...more, filter, order_by: orderBy });
const place = { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } };
const tag = (n: number): string => `tags.t${n}`;
const metric = (n: number): string => `metrics.m${n} DESC`;

export const SEARCHES: readonly SearchCall[] = [
  {
    method: 'POST',
    of: 'runs',
    path: '2.0/mlflow/runs/search',
    fields: plain({ experiment_ids: ['0'] }),
    text: 'params.p',
    key: metric,
  },
  {
    method: 'POST',
    of: 'experiments',
    path: '2.0/mlflow/experiments/search',
    fields: plain({}),
    text: 'name',
    key: tag,
  },
  {
    method: 'GET',
    of: 'registered models',
    path: '2.0/mlflow/registered-models/search',
    fields: plain({}),
    text: 'name',
    key: tag,
  },
  {
    method: 'GET',
    of: 'model versions',
    path: '2.0/mlflow/model-versions/search',
    fields: plain({}),
    text: 'run_id',
    key: tag,
  },
  {
    method: 'POST',
    of: 'logged models',
    path: '2.0/mlflow/logged-models/search',
    fields: ({ filter, orderBy }) => ({
      experiment_ids: ['0'],
      filter,
      order_by: orderBy.map((key) => ({ field_name: key.replace(' DESC', ''), ascending: false })),
    }),
    text: 'params.p',
    key: metric,
  },
  {
    method: 'POST',
    of: 'traces',
    path: '3.0/mlflow/traces/search',
    fields: plain({ locations: [place] }),
    text: 'span.attributes.a',
    key: tag,
  },
  {
    method: 'POST',
    of: 'evaluation data sets',
    path: '3.0/mlflow/datasets/search',
    fields: ({ filter, orderBy }) => ({ filter_string: filter, order_by: orderBy }),
    text: 'name',
    key: tag,
  },
];

export async function ask(
  rig: ServerRig,
  { method, path, fields }: SearchCall,
  asked: Partial<Asked>,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const sent = fields({ filter: '', orderBy: [], ...asked });
  const query = Object.entries(sent).flatMap(([name, value]) =>
    [value].flat().map((one: unknown): [string, string] => [name, String(one)]),
  );
  const { statusCode, body } = await rig.app.inject({
    method,
    url: `/api/${path}${method === 'GET' ? `?${new URLSearchParams(query).toString()}` : ''}`,
    headers: HOST,
    ...(method === 'GET' ? {} : { payload: sent }),
  });
  return { status: statusCode, body: JSON.parse(body) as Record<string, unknown> };
}
