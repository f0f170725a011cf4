import { PassThrough } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { RunEvent } from '../core/events.ts';
import type { Clock } from '../core/world.ts';
import { followJournal, readJournal, runTrackedAs } from '../engine/read-journal.ts';
import { trackedRunId } from '../engine/tracked-plan.ts';
import { invalid, missing } from '../tracking/mlflow/mlflow-error.ts';
import { type Need, on } from './policy.ts';
import { run } from './things.ts';

/** Proxies end what says nothing for a minute. */
const HEARTBEAT_MS = 15_000;
const AT = '/stockpot/runs/:run_id/events';

interface Asked {
  readonly run_id: string;
}

/** What a run is called in tracking; a recipe's own runs begin with their date. */
const TRACKED = /^[0-9a-f]{32}$/;

/** A run that tracking does not know is the administrators'. */
const READ_RUN = on('READ', async (sql, { run_id }: Asked): Promise<Need['on'][]> => {
  const found = await run(sql, { run_id: TRACKED.test(run_id) ? run_id : trackedRunId(run_id) });
  return found.length === 0 ? [{ kind: 'server' }] : found;
});

/**
 * The events of recipes' runs on this machine as Server-Sent Events, from the first or from the one after
 * `Last-Event-ID`, until the run has finished or the server ends. Whoever comes back after its end gets 204, as a browser then
 * stops asking.
 */
export function serveRunEvents(app: FastifyInstance, { home, clock }: { home: string; clock: Clock }): void {
  const closing = new AbortController();
  app.addHook('preClose', async () => closing.abort());
  app.get(
    `/api/2.0${AT}`,
    { config: { policy: READ_RUN, read: (request): Asked => ({ run_id: runOf(request) }) } },
    async (request, reply) => {
      const id = runOf(request);
      const after = afterOf(request);
      // By the same look at the id as the policy: whoever may submit runs says what they are called.
      const journal = TRACKED.test(id) ? runTrackedAs(home, id) : id;
      const last = journal === undefined ? undefined : readJournal(home, journal).at(-1);
      if (journal === undefined || last === undefined) throw missing(`There is no run ${id} on this machine`);
      if (last.type === 'run.finished' && last.seq <= after) return reply.code(204).send();
      const gone = new AbortController();
      const stream = new PassThrough();
      stream.on('close', () => gone.abort());
      const over = AbortSignal.any([gone.signal, closing.signal]);
      void send(stream, followJournal(home, journal, clock, over), after);
      void beat(stream, clock, over);
      return reply
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no')
        .type('text/event-stream')
        .send(stream);
    },
  );
}

async function send(stream: PassThrough, events: AsyncIterable<RunEvent>, after: number): Promise<void> {
  try {
    for await (const event of events)
      if (event.seq > after && !stream.destroyed) {
        const text = `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
        if (!stream.write(text)) await drained(stream);
      }
    stream.end();
  } catch (error) {
    stream.destroy(error as Error);
  }
}

async function drained(stream: PassThrough): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.once('drain', resolve);
  stream.once('close', resolve);
  await promise;
}

async function beat(stream: PassThrough, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(HEARTBEAT_MS, signal).catch(() => {});
    if (signal.aborted || stream.writableEnded) return;
    stream.write(': \n\n');
  }
}

/** A run's id is the name of a folder: of letters, digits and dashes. */
function runOf(request: FastifyRequest): string {
  const { run_id } = request.params as Asked;
  if (!/^[a-zA-Z0-9][\w-]{0,127}$/.test(run_id)) throw invalid(`Invalid run ID: '${run_id.slice(0, 80)}'`);
  return run_id;
}

function afterOf(request: FastifyRequest): number {
  const given = request.headers['last-event-id'] ?? (request.query as { after?: string }).after ?? '0';
  if (typeof given !== 'string' || !/^\d{1,15}$/.test(given))
    throw invalid('Last-Event-ID is the number of an event.');
  return Number(given);
}
