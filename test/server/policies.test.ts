import { describe, expect, test } from 'vitest';
import { ROUTES } from '../../src/server/create-server.ts';
import type { Policy } from '../../src/server/policy.ts';
import type { Route } from '../../src/server/route.ts';
import { includes, ROLES, type Role, SCOPES, type Scope } from '../../src/tracking/access/permission.ts';
import { AccessRig, type Ask, type Got } from '../rigs/access-rig.ts';

/** What exists in the experiment 1 and the model `m`, which are ann's. */
interface Things {
  readonly run: string;
  readonly model: string;
  readonly trace: string;
  readonly dataset: string;
}

const ASSESSMENT = { assessment_name: 'a', source: { source_type: 'HUMAN' }, feedback: { value: true } };

/** A field of every name that a request has; each route takes its own of them. */
function fieldsOf({ run, model, trace, dataset }: Things): Record<string, unknown> {
  const info = {
    trace_id: trace,
    trace_location: { mlflow_experiment: { experiment_id: '1' } },
    request_time: '2026-01-01T00:00:00Z',
  };
  return {
    experiment_id: '1',
    experiment_ids: ['1'],
    experiment_name: 'e1',
    new_name: 'renamed',
    artifact_location: '',
    run_id: run,
    run_ids: [run],
    name: 'm',
    version: '1',
    alias: 'champion',
    source: `runs:/${run}/model`,
    stage: 'Staging',
    model_id: model,
    request_id: trace,
    trace_id: trace,
    request_ids: [trace],
    trace_ids: [trace],
    assessment: ASSESSMENT,
    assessment_id: 'a-1',
    update_mask: 'feedback',
    dataset_id: dataset,
    records: '[]',
    timestamp_ms: 5,
    timestamp: 5,
    tag_key: 't',
    key: 't',
    value: '1',
    metric_key: 'loss',
    status: 'FINISHED',
    model_json: JSON.stringify({ artifact_path: 'm', flavors: {}, utc_time_created: 'x', run_id: run }),
    path: `1/${run}/artifacts`,
    artifact_path: `1/${run}/artifacts`,
    upload_id: 'none',
    prompt_template: 'Say {{ x }}',
    prompt_parameters: [{ key: 'x', value: 'hi' }],
    model_route: 'chat',
    model_input: 'Say hi',
    mlflow_version: '2.22.0',
    parts: [{ part_number: 1, etag: 'none' }],
    trace: { trace_info: info },
    locations: [{ mlflow_experiment: { experiment_id: '1' } }],
    username: 'bob',
    password: 'a password of bob',
    permission: 'READ',
    is_admin: false,
    role: 'member',
    resource: 'experiment:1',
    principal: 'user:bob',
    setup_token: 'none',
    code: 'none',
    verifier: 'none',
    token_id: 1,
    approvers: ['user:bob'],
    promotion_id: '1',
    webhook_id: '1',
    url: 'https://example.com/hook',
    events: [{ entity: 'PROMPT', action: 'CREATED' }],
    event: { entity: 'PROMPT', action: 'CREATED' },
  };
}

/** What one route in particular needs otherwise. */
const OTHERWISE: Readonly<Record<string, Record<string, unknown>>> = {
  createExperiment: { name: 'another' },
  createRegisteredModel: { name: 'another' },
  createGroup: { name: 'another' },
  finalizeLoggedModel: { status: 'LOGGED_MODEL_READY' },
  createWebhook: { status: 'ACTIVE' },
  updateWebhook: { status: 'ACTIVE' },
  endTrace: { status: 'OK' },
  deleteTraces: { max_timestamp_millis: undefined },
  revokeToken: { token_id: 2 },
  getTrace: { allow_partial: true },
  createDataset: { tags: undefined },
  setDatasetTags: { tags: '{}' },
};

/** A server with ann, whose everything is, bob, who was given nothing, and vic, who may read it all. */
class Server implements AsyncDisposable {
  readonly rig: AccessRig;
  readonly tokens: Readonly<Record<Who, string>>;
  readonly #things: Things;

  private constructor(rig: AccessRig, tokens: Server['tokens'], things: Things) {
    this.rig = rig;
    this.tokens = tokens;
    this.#things = things;
  }

  static async create(): Promise<Server> {
    const rig = AccessRig.create();
    const root = await rig.user('root', 'admin');
    const ann = await rig.user('ann');
    const bob = await rig.user('bob');
    const vic = await rig.user('vic', 'viewer');
    const annReads = await rig.token('ann', 'read');
    const rootWrites = await rig.token('root', 'write');
    const annWrites = await rig.token('ann', 'write');
    const bobWrites = await rig.token('bob', 'write');
    await rig.post(ann, 'experiments/create', { name: 'e1' });
    const { run } = (await rig.post(ann, 'runs/create', { experiment_id: '1' })).body as {
      run: { info: { run_id: string } };
    };
    const id = run.info.run_id;
    await rig.post(ann, 'runs/set-tag', { run_id: id, key: 't', value: '1' });
    await rig.post(ann, 'experiments/set-experiment-tag', { experiment_id: '1', key: 't', value: '1' });
    const tags = [{ key: 't', value: '1' }];
    await rig.post(ann, 'registered-models/create', { name: 'm', tags });
    await rig.post(ann, 'model-versions/create', { name: 'm', source: `runs:/${id}/model`, tags });
    await rig.post(ann, 'registered-models/alias', { name: 'm', alias: 'champion', version: '1' });
    const { model } = (await rig.post(ann, 'logged-models', { experiment_id: '1', tags })).body as {
      model: { info: { model_id: string } };
    };
    const { trace_info } = (await rig.post(ann, 'traces', { experiment_id: '1', timestamp_ms: 1, tags }))
      .body as { trace_info: { request_id: string } };
    await rig.ask(ann, {
      method: 'POST',
      path: `3.0/mlflow/traces/${trace_info.request_id}/assessments`,
      body: { assessment: { ...ASSESSMENT, assessment_id: 'a-1' } },
    });
    const { dataset } = (
      await rig.ask(ann, {
        method: 'POST',
        path: '3.0/mlflow/datasets/create',
        body: { name: 'd', experiment_ids: ['1'], tags: '{"t": "1"}' },
      })
    ).body as { dataset: { dataset_id: string } };
    // A wish of root's for ann to approve.
    await rig.post(ann, 'registered-models/create', { name: 'p' });
    await rig.post(ann, 'model-versions/create', { name: 'p', source: `runs:/${id}/model` });
    for (const [path, body] of [
      ['protections', { name: 'p', alias: 'a', approvers: ['user:ann'] }],
      ['aliases/move', { name: 'p', alias: 'a', version: '1' }],
    ] as const)
      await rig.ask(root, { method: 'POST', path: `2.0/stockpot/${path}`, body });
    for (const on of [
      { kind: 'experiment', id: '1' } as const,
      { kind: 'model', name: 'm' } as const,
      { kind: 'model', name: 'p' } as const,
    ])
      await rig.grant('READ', on, 'user:vic');
    const things = {
      run: id,
      model: model.info.model_id,
      trace: trace_info.request_id,
      dataset: dataset.dataset_id,
    };
    const tokens = { root, rootWrites, ann, annWrites, annReads, bob, bobWrites, vic };
    return new Server(rig, tokens, things);
  }

  async ask(token: string | undefined, { method, version, path, rpc, request }: Route): Promise<Got> {
    const all: Record<string, unknown> = {
      ...fieldsOf(this.#things),
      ...OTHERWISE[rpc],
      ...(path === '/mlflow/artifacts/list' ? { path: undefined } : {}),
    };
    const known = Object.entries(all).filter(
      ([key, value]) => value !== undefined && Object.hasOwn(request.fields, key),
    );
    const at = path.replaceAll(/\{\+?(\w+)\}/g, (_, key: string) => encodeURIComponent(String(all[key])));
    const ask: Ask = { method, path: `${version}${at}` };
    if (method !== 'GET') return this.rig.ask(token, { ...ask, body: Object.fromEntries(known) });
    const query = known.map(([key, value]) => [key, Array.isArray(value) ? value : String(value)]);
    return this.rig.ask(token, { ...ask, query: Object.fromEntries(query) as Record<string, string> });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig[Symbol.asyncDispose]();
  }
}

const named = ROUTES.map((route) => [`${route.method} ${route.version}${route.path}`, route] as const);

/** Each with their role and what their token is good for; requests are about bob. */
const WHO = {
  root: ['admin', 'admin'],
  rootWrites: ['admin', 'write'],
  ann: ['member', 'admin'],
  annWrites: ['member', 'write'],
  annReads: ['member', 'read'],
  bob: ['member', 'admin'],
  bobWrites: ['member', 'write'],
  vic: ['viewer', 'admin'],
} as const satisfies Record<string, readonly [Role, Scope]>;
type Who = keyof typeof WHO;

function hasRole(who: Who, policy: Policy<never>): boolean {
  if (policy.kind !== 'role') throw new Error('asks for no role');
  const [role, scope] = WHO[who];
  const least = typeof policy.role === 'string' ? policy.role : who.startsWith('bob') ? 'viewer' : 'admin';
  return includes(ROLES, role, least) && includes(SCOPES, scope, policy.scope);
}

/** Routes that say what is wrong with these requests themselves: whether they let them pass is all that counts. */
describe('routes by identities', () => {
  test('nobody passes where one must sign in, but to set the server up', async () => {
    await using server = await Server.create();
    const passed: string[] = [];
    for (const [name, route] of named) {
      const { status, body } = await server.ask(undefined, route);
      if (status !== 401) passed.push(name);
      else expect([name, body]).toMatchObject([name, { error_code: 'UNAUTHENTICATED' }]);
    }
    // A wrong setup token is a 401 too.
    expect(passed).toEqual([]);
  });

  test('who was given nothing does nothing with what is not theirs', async () => {
    await using server = await Server.create();
    for (const [name, route] of named.filter(([, { policy }]) => policy.kind === 'permission')) {
      const { status, body } = await server.ask(server.tokens.bob, route);
      expect([name, status, body]).toMatchObject([name, 403, { error_code: 'PERMISSION_DENIED' }]);
    }
  });

  test.each(['vic', 'annReads'] as const)('%s reads, and changes nothing', async (who) => {
    await using server = await Server.create();
    const isReading = ({ policy }: Route): boolean =>
      policy.kind === 'permission' && policy.permission === 'READ' && policy.scope === 'read';
    for (const [name, route] of named.filter(([, { policy }]) => policy.kind === 'permission')) {
      const { status, body } = await server.ask(server.tokens[who], route);
      const allowed = isReading(route) ? 200 : 403;
      expect([name, status, allowed === 200 ? '' : body['error_code']]).toEqual([
        name,
        allowed,
        allowed === 200 ? '' : 'PERMISSION_DENIED',
      ]);
    }
  });

  test('a route that asks for a role is for who has it, by a token that is good for that', async () => {
    await using server = await Server.create();
    const routes = named.filter(([, { policy }]) => policy.kind === 'role');
    expect(routes.length).toBeGreaterThan(25);
    const [reading, changing] = [true, false].map((reads) =>
      routes.filter(([, { policy }]) => (policy.kind === 'role' && policy.scope === 'read') === reads),
    );
    for (const who of Object.keys(WHO) as Who[]) {
      for (const [name, route] of routes.filter(([, { policy }]) => !hasRole(who, policy))) {
        const { status, body } = await server.ask(server.tokens[who], route);
        expect([who, name, status, body['error_code']]).toEqual([who, name, 403, 'PERMISSION_DENIED']);
      }
      for (const [name, route] of (reading ?? []).filter(([, { policy }]) => hasRole(who, policy))) {
        const { status } = await server.ask(server.tokens[who], route);
        expect([who, name, status]).toEqual([who, name, 200]);
      }
    }
    // What is one's own, a viewer changes too.
    const own = (changing ?? []).filter(([, { policy }]) => hasRole('vic', policy)).map(([name]) => name);
    expect(own).toEqual(['POST 2.0/stockpot/tokens', 'DELETE 2.0/stockpot/tokens/{token_id}']);
    const token = { method: 'POST', path: '2.0/stockpot/tokens', body: { name: 't' } } as const;
    expect((await server.rig.ask(server.tokens.vic, token)).status).toBe(200);
  });

  test('who manages a thing, or administers the server, passes', async () => {
    const [changing, others] = [true, false].map((changes) =>
      named.filter(([, { rpc }]) => /^(?:delete|rename|remove|revoke|update)/.test(rpc) === changes),
    );
    const passed = async (server: Server, [name, route]: (typeof named)[number]): Promise<void> => {
      const { policy, rpc } = route;
      // Her own password is ann's to change, not bob's.
      const isRefused = policy.kind === 'public' || rpc === 'updateUserPassword' || rpc === 'getUser';
      const isAdmins = policy.kind === 'role' && policy.role === 'admin';
      const { status } = await server.ask(server.tokens[isAdmins ? 'root' : 'ann'], route);
      expect([name, status === 401 || status === 403 || status >= 500]).toEqual([name, isRefused]);
      expect(server.rig.server.bugs).toEqual([]);
    };
    await using server = await Server.create();
    for (const one of others ?? []) await passed(server, one);
    for (const one of changing ?? []) {
      await using fresh = await Server.create();
      await passed(fresh, one);
    }
  });
});
