import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { fingerprint, isDigest } from '../core/ids.ts';
import { FlightRecords } from '../store/flight-records.ts';
import type { CacheLayout } from '../store/layout.ts';
import { isNonce, isRecordName, MAX_RECORD_BYTES } from '../store/remote/flight-path.ts';
import type { Flight } from '../store/remote/remote.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { READ_CACHE, WRITE_CACHE } from './policy.ts';

/** A worker that is moved every quarter of an hour writes fewer in a week. */
const MAX_RECORDS = 1000;

/** What machines of a fleet tell each other about one try at a task, by fingerprint, nonce and name. */
export function serveFlights(app: FastifyInstance, layout: CacheLayout): void {
  const records = new FlightRecords(layout);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  const url = '/flights/:fingerprint/:nonce';
  app.get(url, { config: { policy: READ_CACHE } }, async (request, reply) =>
    reply
      .header('content-security-policy', 'sandbox')
      .type('application/json')
      .send({ records: Object.fromEntries(records.read(flightOf(request))) }),
  );
  app.put(
    `${url}/:name`,
    { config: { policy: WRITE_CACHE }, bodyLimit: MAX_RECORD_BYTES },
    async (request, reply) => {
      const flight = flightOf(request);
      const name = nameOf(request);
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      if (!isUtf8(body)) throw invalid('Invalid record: it must be text in UTF-8.');
      if (records.count(flight) >= MAX_RECORDS)
        throw invalid(`There are ${MAX_RECORDS} records of this flight: begin another one.`);
      if (records.write(flight, name, body.toString('utf8'))) return reply.code(201).send({});
      return reply.code(412).send({
        error_code: 'RESOURCE_ALREADY_EXISTS',
        message: 'There is a record of this name.',
      });
    },
  );
  app.delete(`${url}/:name`, { config: { policy: WRITE_CACHE } }, async (request, reply) => {
    records.remove(flightOf(request), [nameOf(request)]);
    return reply.send({});
  });
}

function flightOf(request: FastifyRequest): Flight {
  const named = request.params as { readonly fingerprint: string; readonly nonce: string };
  if (!isDigest(named.fingerprint))
    throw invalid('Invalid fingerprint: it must be 64 lower-case hex digits.');
  if (!isNonce(named.nonce)) throw invalid('Invalid nonce: it must be 32 lower-case hex digits.');
  return { fingerprint: fingerprint(named.fingerprint), nonce: named.nonce };
}

function nameOf(request: FastifyRequest): string {
  const { name } = request.params as { readonly name: string };
  if (!isRecordName(name))
    throw invalid('Invalid name of a record: it must be letters a-z, or those, a hyphen and a number.');
  return name;
}
