import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Digest } from '../core/ids.ts';
import type { OfferedRun, Submission } from '../engine/submission-port.ts';
import type { LedgerDesk } from '../ledger/ledger-desk.ts';
import { hasTree } from '../store/has-tree.ts';
import type { Store } from '../store/store.ts';
import { invalid, missing } from '../tracking/mlflow/mlflow-error.ts';
import { CREATE, SIGNED_IN } from './policy.ts';
import { inputOf } from './read-input.ts';
import { isRunId, readOffer } from './read-offer.ts';

const AT = '/api/2.0/stockpot/submissions';
const MOST_EVENTS = 1000;

export interface ServedSubmissions {
  readonly desk: LedgerDesk;
  readonly store: Store;
  /** Names the server's own store. */
  readonly place: string;
}

/**
 * Runs that terminals submit without the ledger: whoever may make things here may submit, and follow and cancel what
 * they submitted; an administrator all of it.
 */
export function serveSubmissions(app: FastifyInstance, { desk, store, place }: ServedSubmissions): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  app.post(AT, { config: { policy: CREATE } }, async (request, reply) => {
    const offer = readOffer(inputOf(request));
    if ((await desk.read(offer.id)) !== undefined) throw invalid(`There is a run ${offer.id} already.`);
    // A driver with this store finds it here; others in the cache that the terminal shares.
    const isHere = hasTree(store.blobs, offer.snapshot as Digest);
    const one: OfferedRun = { ...offer, place: isHere ? place : '' };
    const { identity } = request;
    const submittedBy = identity.kind === 'user' ? identity.name : offer.submittedBy;
    return reply.send({ submission: await desk.accept({ ...one, submittedBy }, identity.name) });
  });
  app.get(AT, { config: { policy: SIGNED_IN } }, async (request, reply) => {
    const { start } = request.query as { readonly start?: unknown };
    if (start !== undefined && start !== '' && (typeof start !== 'string' || !isRunId(start)))
      throw invalid("Invalid value for parameter 'start' supplied: it is the beginning of an id.");
    const found = await desk.search(start, seesAll(request) ? undefined : request.identity.name);
    return reply.send({ submissions: found.filter((one) => isTheirs(one, request)) });
  });
  app.get(`${AT}/:id`, { config: { policy: SIGNED_IN } }, async (request, reply) =>
    reply.send({ submission: await theirs(desk, request) }),
  );
  app.get(`${AT}/:id/events`, { config: { policy: SIGNED_IN } }, async (request, reply) => {
    const { id } = await theirs(desk, request);
    const asked = request.query as Record<string, unknown>;
    const cursor = { epoch: countOf(asked, 'epoch'), seq: countOf(asked, 'seq') };
    const limit = Math.min(countOf(asked, 'limit'), MOST_EVENTS);
    return reply.send({ events: await desk.events(id, cursor, limit) });
  });
  app.post(`${AT}/:id/cancel`, { config: { policy: CREATE } }, async (request, reply) => {
    inputOf(request);
    const { id } = await theirs(desk, request);
    return reply.send({ outcome: (await desk.cancel(id)) ?? 'ended' });
  });
}

/** One of others is as one that is not there. */
async function theirs(desk: LedgerDesk, request: FastifyRequest): Promise<Submission> {
  const { id } = request.params as { readonly id: string };
  const found = isRunId(id) ? await desk.read(id) : undefined;
  if (found === undefined || !isTheirs(found, request)) throw missing(`There is no submitted run ${id}`);
  return found;
}

function isTheirs({ owner }: Submission, request: FastifyRequest): boolean {
  return seesAll(request) || request.identity.name === owner;
}

function seesAll({ identity }: FastifyRequest): boolean {
  return identity.kind === 'local' || identity.role === 'admin';
}

function countOf(asked: Readonly<Record<string, unknown>>, name: string): number {
  const value = asked[name] ?? '0';
  if (typeof value !== 'string' || !/^\d{1,15}$/.test(value))
    throw invalid(`Invalid value for parameter '${name}' supplied: it is a whole number.`);
  return Number(value);
}
