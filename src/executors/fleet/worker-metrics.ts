import { Counter, Gauge, Registry } from 'prom-client';
import type { WorkerLine } from './fleet-worker.ts';

/** What a worker does, as Prometheus reads it. */
export class WorkerMetrics {
  readonly #registry = new Registry();
  readonly #tasks = new Counter({
    name: 'stockpot_worker_tasks_total',
    help: 'Attempts that ended, by how: succeeded, or the reason of the failure.',
    labelNames: ['outcome'] as const,
    registers: [this.#registry],
  });
  readonly #running = new Gauge({
    name: 'stockpot_worker_running',
    help: 'Attempts that run.',
    registers: [this.#registry],
  });
  readonly #problems = new Counter({
    name: 'stockpot_worker_problems_total',
    help: 'Tasks that were not done for no fault of their own, and are begun again.',
    registers: [this.#registry],
  });
  readonly #redis = new Gauge({
    name: 'stockpot_worker_redis_up',
    help: 'Whether Redis answers: 1 or 0.',
    registers: [this.#registry],
  });
  readonly #draining = new Gauge({
    name: 'stockpot_worker_draining',
    help: 'Whether nothing more is taken: 1 or 0.',
    registers: [this.#registry],
  });

  constructor() {
    this.#redis.set(1);
  }

  take(line: WorkerLine): void {
    switch (line.type) {
      case 'fetching':
      case 'fetched':
      case 'clock':
        return;
      case 'began':
        return this.#running.inc();
      case 'ended':
        this.#running.dec();
        return this.#tasks.inc({ outcome: line.reason });
      case 'problem':
        return this.#problems.inc();
      case 'redis':
        return this.#redis.set(line.isThere ? 1 : 0);
      case 'draining':
        return this.#draining.set(1);
    }
  }

  /** In Prometheus' text format. */
  async text(): Promise<{ readonly body: string; readonly type: string }> {
    return { body: await this.#registry.metrics(), type: this.#registry.contentType };
  }
}
