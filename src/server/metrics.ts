import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pipeline, Transform } from 'node:stream';
import type { FastifyInstance } from 'fastify';

import { RecipeError } from '../core/recipe-error.ts';
import type { Database } from '../db/sql.ts';
import { countDeliveries } from '../tracking/webhooks/deliveries.ts';
import { SIGNED_IN } from './policy.ts';
import { Counter, Gauge, Histogram, Registry } from './prom-client.ts';

/** Seconds: from what one indexed row costs to what a user waits for. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const FILES = /\/mlflow-artifacts\/(?:artifacts\/\*|mpu\/parts\/:id\/:number)$|^\/cas\/:digest$/;

/** What a server counts of itself, in Prometheus' form at `GET /metrics`, for whoever may read. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests = new Histogram({
    name: 'stockpot_http_request_duration_seconds',
    help: 'Requests that were answered, by route.',
    labelNames: ['method', 'route', 'status'],
    buckets: BUCKETS,
    registers: [this.#registry],
  });
  readonly #inFlight = new Gauge({
    name: 'stockpot_http_requests_in_flight',
    help: 'Requests that are not answered yet.',
    registers: [this.#registry],
  });
  readonly #transactions = new Histogram({
    name: 'stockpot_database_transaction_duration_seconds',
    help: 'Transactions, with what they waited for.',
    labelNames: ['kind', 'outcome'],
    buckets: BUCKETS,
    registers: [this.#registry],
  });
  readonly #bytes = new Counter({
    name: 'stockpot_artifact_bytes_total',
    help: 'Bytes of files that clients wrote and read.',
    labelNames: ['direction'],
    registers: [this.#registry],
  });

  /** Counts the requests of a server and serves what is counted; before its routes are declared. */
  observe(app: FastifyInstance): void {
    const delay = monitorEventLoopDelay({ resolution: 10 });
    const lag = new Gauge({
      name: 'stockpot_event_loop_delay_seconds',
      help: 'How late the process turns to what is due, since it was last asked.',
      labelNames: ['quantile'],
      registers: [this.#registry],
      collect: () => {
        for (const quantile of [50, 99])
          lag.set({ quantile: String(quantile / 100) }, delay.percentile(quantile) / 1e9);
        delay.reset();
      },
    });
    app.addHook('onReady', async () => void delay.enable());
    app.addHook('onClose', async () => void delay.disable());
    app.addHook('onRequest', async (_, reply) => {
      this.#inFlight.inc();
      // Also where the client goes before it has its answer.
      reply.raw.once('close', () => this.#inFlight.dec());
    });
    app.addHook('preParsing', async ({ routeOptions }, _, payload) => {
      if (!FILES.test(routeOptions.url ?? '')) return payload;
      const counting = this.#counting('in');
      // A client that breaks off must end who reads here, too; that one says what it means.
      pipeline(payload, counting, () => undefined);
      return counting;
    });
    app.addHook('onSend', async ({ routeOptions }, reply, payload) => {
      const size = Number(reply.getHeader('content-length') ?? 0);
      if (FILES.test(routeOptions.url ?? '') && reply.statusCode < 300)
        this.#bytes.inc({ direction: 'out' }, size);
      return payload;
    });
    app.addHook('onResponse', async ({ method, routeOptions }, reply) => {
      const labels = { method, route: routeOptions.url ?? 'none', status: String(reply.statusCode) };
      this.#requests.observe(labels, reply.elapsedTime / 1000);
    });
  }

  /**
   * `GET /metrics`
   *
   * @param ticks how many ended how, if this process runs schedules
   */
  serve(app: FastifyInstance, database: Database, ticks?: ReadonlyMap<string, number>): void {
    if (ticks !== undefined) this.#serveTicks(ticks);
    const deliveries = new Gauge({
      name: 'stockpot_webhook_deliveries',
      help: 'What webhooks are still to be told, and what was given up.',
      labelNames: ['state'],
      registers: [this.#registry],
      collect: async () => {
        deliveries.reset();
        try {
          const counts = Object.entries(await database.read(countDeliveries));
          for (const [state, count] of counts) deliveries.set({ state }, count);
        } catch (error) {
          // A database that is away is what the other figures are looked at for.
          if (!(error instanceof RecipeError)) throw error;
        }
      },
    });
    app.get('/metrics', { config: { policy: SIGNED_IN } }, async (_, reply) =>
      reply.type(this.#registry.contentType).send(await this.#registry.metrics()),
    );
  }

  #serveTicks(ticks: ReadonlyMap<string, number>): void {
    const counter = new Counter({
      name: 'stockpot_schedule_ticks_total',
      help: 'Ticks of schedules that this process ran, by how they ended.',
      labelNames: ['outcome'],
      registers: [this.#registry],
      collect: () => {
        counter.reset();
        for (const [outcome, count] of ticks) counter.inc({ outcome }, count);
      },
    });
  }

  /** The same database; its transactions are counted. */
  counted(database: Database): Database {
    const count = async <T>(kind: 'read' | 'write', work: () => Promise<T>): Promise<T> => {
      const end = this.#transactions.startTimer({ kind });
      try {
        const value = await work();
        end({ outcome: 'committed' });
        return value;
      } catch (error) {
        end({ outcome: 'rolled-back' });
        throw error;
      }
    };
    return {
      dialect: database.dialect,
      read: (work) => count('read', () => database.read(work)),
      write: (work, how) => count('write', () => database.write(work, how)),
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    };
  }

  #counting(direction: 'in' | 'out'): Transform {
    return new Transform({
      transform: (chunk: Buffer, _, done) => {
        this.#bytes.inc({ direction }, chunk.byteLength);
        done(null, chunk);
      },
    });
  }
}
