import { createHmac } from 'node:crypto';
import { Outbound } from '../../src/net/outbound.ts';
import { Courier } from '../../src/server/webhooks/courier.ts';
import { createModel } from '../../src/tracking/mlflow/registered-models.ts';
import { type Delivery, listDeliveries } from '../../src/tracking/webhooks/deliveries.ts';
import type { Receiver } from './receiver.ts';
import { ServerRig } from './server-rig.ts';
import { StillClock } from './still-clock.ts';

/** The server in this process, and what tells webhooks of changes, on a clock that stands. */
export class WebhookRig implements AsyncDisposable {
  readonly server = ServerRig.create();
  readonly clock = new StillClock();
  readonly givenUp: string[] = [];
  readonly #couriers: Courier[] = [];

  /** @param allowed hosts of this machine that hooks may be called at */
  startCourier(allowed: readonly string[] = ['127.0.0.1']): Courier {
    const courier = Courier.start({
      database: this.server.database,
      outbound: new Outbound(allowed),
      clock: this.clock,
      random: () => 0,
      onGivenUp: (line) => this.givenUp.push(line),
      onBug: (error) => this.server.bugs.push(error),
    });
    this.#couriers.push(courier);
    return courier;
  }

  /** Id of a new webhook that is told of new models. */
  async hook(url: string, more: object = {}): Promise<string> {
    const { body } = await this.server.post('webhooks', {
      name: 'hook',
      url,
      events: [{ entity: 'REGISTERED_MODEL', action: 'CREATED' }],
      ...more,
    });
    return (body['webhook'] as { webhook_id: string }).webhook_id;
  }

  /** A change that webhooks are told of. */
  async model(name: string): Promise<void> {
    await this.server.database.write((sql) =>
      createModel(sql, { name, description: undefined, tags: [] }, { actor: 'me', at: this.clock.now() }),
    );
  }

  /** What `hook` is still to be told, or was told in vain, as soon as that is as wanted. */
  async until(
    hook: string,
    wanted: (deliveries: readonly Delivery[]) => boolean,
  ): Promise<readonly Delivery[]> {
    for (;;) {
      const deliveries = await this.server.database.read((sql) => listDeliveries(sql, hook));
      if (wanted(deliveries)) return deliveries;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const courier of this.#couriers) await courier[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

/** How a receiver checks what it got, with the secret that it shares. */
export function isSigned({ headers, body }: Receiver['got'][number], secret: string): boolean {
  const signed = `${String(headers['x-mlflow-delivery-id'])}.${String(headers['x-mlflow-timestamp'])}.${body}`;
  const signature = createHmac('sha256', secret).update(signed).digest('base64');
  return headers['x-mlflow-signature'] === `v1,${signature}`;
}
