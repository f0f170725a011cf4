import { describe, expect, test } from 'vitest';
import { Receiver } from '../rigs/receiver.ts';
import { HOST, ServerRig } from '../rigs/server-rig.ts';
import { isSigned, WebhookRig } from '../rigs/webhook-rig.ts';

const CREATED = { entity: 'REGISTERED_MODEL', action: 'CREATED' };
const HOOK = { name: 'hook', url: 'https://example.com/hook', events: [CREATED] };

describe('a webhook', () => {
  test('is made, found, changed and deleted, and its secret is never told', async () => {
    await using rig = ServerRig.create();
    const secret = 'of the hook';
    const { status, body } = await rig.post('webhooks', { ...HOOK, secret });
    const made = {
      ...HOOK,
      webhook_id: expect.any(String),
      status: 'ACTIVE',
      creation_timestamp: 1000,
      last_updated_timestamp: 1000,
    };
    expect([status, body]).toEqual([200, { webhook: made }]);
    const id = (body['webhook'] as { webhook_id: string }).webhook_id;
    expect(await rig.get(`webhooks/${id}`)).toEqual({ status: 200, body });
    expect(await rig.get('webhooks')).toEqual({ status: 200, body: { webhooks: [body['webhook']] } });
    rig.now = 2000;
    expect(
      await rig.send('PATCH', `webhooks/${id}`, {
        description: 'sleeps',
        status: 'DISABLED',
        secret: 'another',
      }),
    ).toEqual({
      status: 200,
      body: {
        webhook: { ...made, description: 'sleeps', status: 'DISABLED', last_updated_timestamp: 2000 },
      },
    });
    expect(await rig.send('DELETE', `webhooks/${id}`, {})).toEqual({ status: 200, body: {} });
    expect(await rig.get(`webhooks/${id}`)).toEqual({
      status: 404,
      body: { error_code: 'RESOURCE_DOES_NOT_EXIST', message: `Webhook with ID ${id} not found.` },
    });
  });

  test('is told of promotions too, which MLflow’s clients do not see among its events', async () => {
    await using rig = ServerRig.create();
    const own = ['promotion.requested', 'promotion.approved'];
    const { body } = await rig.post('webhooks', { ...HOOK, stockpot_events: own });
    expect(body['webhook']).toMatchObject({ events: [CREATED], stockpot_events: own });
    const { webhook_id: id } = body['webhook'] as { webhook_id: string };
    const { body: renamed } = await rig.send('PATCH', `webhooks/${id}`, { name: 'other' });
    expect(renamed['webhook']).toMatchObject({ name: 'other', stockpot_events: own });
    const { body: cleared } = await rig.send('PATCH', `webhooks/${id}`, { stockpot_events: [] });
    expect(cleared['webhook']).not.toHaveProperty('stockpot_events');
    expect(await rig.post('webhooks', { ...HOOK, stockpot_events: ['promotion.lost'] })).toMatchObject({
      status: 400,
    });
    expect(await rig.post('webhooks', { ...HOOK, events: [], stockpot_events: own })).toMatchObject({
      status: 400,
    });
  });

  test.each([
    ['no events', { events: [] }, "Missing value for required parameter 'events'."],
    [
      'an event that never happens',
      { events: [{ entity: 'REGISTERED_MODEL', action: 'DELETED' }] },
      "Invalid action 'deleted' for entity 'registered_model'. Valid actions are: ['created']",
    ],
    ['an entity that is none', { events: [{ entity: 'RUN', action: 'CREATED' }] }, 'events[0].entity'],
    ['a name with a space', { name: 'a b' }, "Webhook name 'a b' is invalid."],
    ['a status that is none', { status: 'ASLEEP' }, "for parameter 'status'"],
  ])('with %s is refused', async (_, more, message) => {
    await using rig = ServerRig.create();
    expect(await rig.post('webhooks', { ...HOOK, ...more })).toEqual({
      status: 400,
      body: { error_code: 'INVALID_PARAMETER_VALUE', message: expect.stringContaining(message) },
    });
  });

  test.each([
    'http://example.com/',
    'file:///etc/passwd',
    'https://169.254.169.254/latest/meta-data/',
    'https://[::ffff:10.0.0.1]/',
    'https://2130706434/',
    'https://user:word@example.com/',
    'example.com',
  ])('at %s is refused, new or changed', async (url) => {
    await using rig = ServerRig.create();
    const refused = {
      status: 400,
      body: {
        error_code: 'INVALID_PARAMETER_VALUE',
        message: expect.stringMatching(
          /^Invalid webhook URL(?:: .* may allow other hosts with --webhook-allow\.$| scheme: '\w+'\. Allowed schemes are: https\.$)/,
        ),
      },
    };
    expect(await rig.post('webhooks', { ...HOOK, url })).toEqual(refused);
    const { body } = await rig.post('webhooks', HOOK);
    const { webhook_id: id } = body['webhook'] as { webhook_id: string };
    expect(await rig.send('PATCH', `webhooks/${id}`, { url })).toEqual(refused);
  });

  test('is tried with made-up data of any event, and what came of it is shown', async () => {
    await using rig = ServerRig.create();
    await using receiver = await Receiver.start((response, nth) =>
      response.writeHead(nth === 1 ? 200 : 403).end('x'.repeat(2000)),
    );
    const { body } = await rig.post('webhooks', { ...HOOK, url: receiver.url, secret: 's' });
    const { webhook_id: id } = body['webhook'] as { webhook_id: string };
    const shown = 'x'.repeat(1000);
    expect(await rig.post(`webhooks/${id}/test`, {})).toEqual({
      status: 200,
      body: { result: { success: true, response_status: 200, response_body: shown } },
    });
    const event = { entity: 'MODEL_VERSION_ALIAS', action: 'DELETED' };
    expect(await rig.post(`webhooks/${id}/test`, { event })).toEqual({
      status: 200,
      body: { result: { success: false, response_status: 403, response_body: shown } },
    });
    expect(receiver.got.map(({ body }) => JSON.parse(body) as unknown)).toMatchObject([
      { entity: 'registered_model', action: 'created', data: { name: 'example' } },
      { entity: 'model_version_alias', action: 'deleted', data: { name: 'example', alias: 'champion' } },
    ]);
    expect(receiver.got.map((one) => isSigned(one, 's'))).toEqual([true, true]);
  });

  test('that leads to this machine by its name is not called', async () => {
    await using rig = ServerRig.create();
    const { body } = await rig.post('webhooks', { ...HOOK, url: 'https://localhost/' });
    const { webhook_id: id } = body['webhook'] as { webhook_id: string };
    expect((await rig.post(`webhooks/${id}/test`, {})).body).toEqual({
      result: {
        success: false,
        error_message: expect.stringMatching(
          /^Failed to test webhook: localhost is at .*, which is no public address\.$/,
        ),
      },
    });
  });
});

describe('what a webhook is to be told', () => {
  test('it is told, signed, each thing under an id of its own', async () => {
    await using rig = new WebhookRig();
    await using receiver = await Receiver.start();
    const hook = await rig.hook(receiver.url, { secret: 's' });
    await rig.model('a');
    await rig.model('b');
    rig.startCourier();
    const got = await receiver.received(2);
    expect(
      got
        .map(({ body }) => (JSON.parse(body) as { data: { name: string } }).data.name)
        .toSorted((a, b) => a.localeCompare(b)),
    ).toEqual(['a', 'b']);
    expect(got[0]).toMatchObject({
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-mlflow-timestamp': '1000' },
    });
    expect(got.map((one) => isSigned(one, 's'))).toEqual([true, true]);
    expect(new Set(got.map(({ headers }) => headers['x-mlflow-delivery-id'])).size).toBe(2);
    await rig.until(hook, (deliveries) => deliveries.length === 0);
    expect(rig.server.bugs).toEqual([]);
  });

  test('without a secret nothing is signed', async () => {
    await using rig = new WebhookRig();
    await using receiver = await Receiver.start();
    await rig.hook(receiver.url);
    await rig.model('a');
    rig.startCourier();
    const [got] = await receiver.received(1);
    expect(got?.headers).not.toHaveProperty('x-mlflow-signature');
  });

  test('and was not taken is told again, later and later, under the same id and a new signature', async () => {
    await using rig = new WebhookRig();
    const answers = [503, 500, 429, 200];
    await using receiver = await Receiver.start((response, nth) =>
      response.writeHead(answers[nth - 1] ?? 200, nth === 3 ? { 'retry-after': '30' } : {}).end(),
    );
    const hook = await rig.hook(receiver.url, { secret: 's' });
    await rig.model('a');
    rig.startCourier();
    for (const [index, wait] of [1000, 2000, 30_000].entries()) {
      const [delivery] = await rig.until(
        hook,
        ([one]) => one?.problem === `It was answered ${answers[index]}.`,
      );
      expect([delivery?.attempts, (delivery?.due ?? 0) - rig.clock.now()]).toEqual([index + 1, wait]);
      await rig.clock.pass(wait);
    }
    await rig.until(hook, (deliveries) => deliveries.length === 0);
    expect(receiver.got.map((one) => isSigned(one, 's'))).toEqual([true, true, true, true]);
    expect(new Set(receiver.got.map(({ headers }) => headers['x-mlflow-delivery-id'])).size).toBe(1);
    expect(receiver.got.map(({ headers }) => headers['x-mlflow-timestamp'])).toEqual([
      '1000',
      '1001',
      '1003',
      '1033',
    ]);
    expect(rig.givenUp).toEqual([]);
  });

  test.each([
    ['400', 'It was answered 400.'],
    ['410', 'It was answered 410.'],
    // Nobody is sent on: what an answer points to was not looked at.
    ['302', 'It was answered 302.'],
  ])('and was answered %s is given up at once, and that is seen', async (status, problem) => {
    await using rig = new WebhookRig();
    await using receiver = await Receiver.start((response) =>
      response.writeHead(Number(status), { location: '/elsewhere' }).end(),
    );
    const hook = await rig.hook(receiver.url);
    await rig.model('a');
    rig.startCourier();
    await rig.until(hook, ([one]) => one?.state === 'given-up');
    expect(receiver.got).toHaveLength(1);
    expect(rig.givenUp).toEqual([
      `The webhook hook (${hook}) was not told of registered_model.created, given up after 1 attempt: ${problem}`,
    ]);
    const { body } = await rig.server.app.inject({
      url: `/api/2.0/stockpot/webhooks/${hook}/deliveries`,
      headers: HOST,
    });
    expect(JSON.parse(body)).toEqual({
      deliveries: [
        {
          delivery_id: expect.any(String),
          event: CREATED,
          state: 'GIVEN_UP',
          creation_timestamp: 1_000_000,
          attempts: 1,
          problem,
        },
      ],
    });
    const { body: metrics } = await rig.server.app.inject({ url: '/metrics', headers: HOST });
    expect(metrics).toContain('stockpot_webhook_deliveries{state="given-up"} 1');
  });

  test('and finds nobody there is given up after 20 attempts; asked to, it is told anew', async () => {
    await using rig = new WebhookRig();
    let port: number;
    {
      await using gone = await Receiver.start();
      port = gone.port;
    }
    const hook = await rig.hook(`http://127.0.0.1:${port}/hook`);
    await rig.model('a');
    rig.startCourier();
    for (let attempt = 1; attempt < 20; attempt += 1) {
      // While it is on its way it is due later than any wait ends.
      const [waiting] = await rig.until(
        hook,
        ([one]) => one?.attempts === attempt && one.due - rig.clock.now() <= 60_000,
      );
      const wait = (waiting?.due ?? 0) - rig.clock.now();
      expect(wait).toBe(Math.min(60_000, 1000 * 2 ** (attempt - 1)));
      await rig.clock.pass(wait);
    }
    const [delivery] = await rig.until(hook, ([one]) => one?.state === 'given-up');
    expect(delivery).toMatchObject({ attempts: 20, problem: expect.stringContaining('ECONNREFUSED') });
    await using receiver = await Receiver.start(undefined, port);
    const retried = await rig.server.app.inject({
      method: 'POST',
      url: `/api/2.0/stockpot/webhooks/${hook}/retry`,
      headers: { ...HOST, 'content-type': 'application/json' },
      payload: '{}',
    });
    expect(JSON.parse(retried.body)).toEqual({ retried: 1 });
    await rig.clock.pass(1000);
    await receiver.received(1);
  });

  test('at a host that the operator does not allow any more it is not told', async () => {
    await using rig = new WebhookRig();
    await using receiver = await Receiver.start();
    const hook = await rig.hook(receiver.url);
    await rig.model('a');
    rig.startCourier([]);
    const [delivery] = await rig.until(hook, ([one]) => one?.state === 'given-up');
    expect(delivery?.problem).toBe('Its scheme is http, and only https is taken.');
    expect(receiver.got).toEqual([]);
  });

  test('it is told by the next server at once where one stops in between', async () => {
    await using rig = new WebhookRig();
    await using receiver = await Receiver.start((response, nth) => (nth === 1 ? undefined : response.end()));
    const hook = await rig.hook(receiver.url);
    await rig.model('a');
    const first = rig.startCourier();
    await receiver.received(1);
    await first[Symbol.asyncDispose]();
    rig.startCourier();
    await receiver.received(2);
    expect(await rig.until(hook, (deliveries) => deliveries.length === 0)).toEqual([]);
  });

  test('one that does not answer keeps four calls, and no other waiting', async () => {
    await using rig = new WebhookRig();
    await using silent = await Receiver.start(() => undefined);
    await using receiver = await Receiver.start();
    const slow = await rig.hook(silent.url);
    const hook = await rig.hook(receiver.url);
    for (let n = 0; n < 6; n += 1) await rig.model(`m${n}`);
    rig.startCourier();
    await receiver.received(6);
    await rig.until(hook, (deliveries) => deliveries.length === 0);
    const waiting = await rig.until(slow, () => true);
    expect(waiting.map(({ attempts }) => attempts).toSorted((a, b) => a - b)).toEqual([0, 0, 1, 1, 1, 1]);
  });
});
