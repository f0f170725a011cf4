import { CACHE_OPERATIONS } from './cache-operations.ts';
import { FILE_OPERATIONS } from './file-operations.ts';
import { atMost, integer, required, schemaOf, text } from './message.ts';
import { json, type Operations, TEXT } from './operation.ts';
import { OFFER } from './read-offer.ts';

const OBJECT = { type: 'object' };
const ANY_OBJECT = { schema: OBJECT };
const SUBMISSIONS = '/api/2.0/stockpot/submissions';
const SUBMISSION = { description: 'The submitted run', content: json({ submission: OBJECT }) };
const LIST = { type: 'array', items: OBJECT };

/**
 * What a server may serve beside its calls with messages, but for the pages where people sign in: who adds a route has
 * it described here.
 */
export const DESCRIBED_ROUTES: Operations = {
  ...FILE_OPERATIONS,
  ...CACHE_OPERATIONS,
  'GET /health': {
    name: 'getHealth',
    tag: 'server',
    summary: 'Whether the server answers',
    answers: { '200': { description: 'OK', content: TEXT } },
  },
  'GET /ready': {
    name: 'getReadiness',
    tag: 'server',
    summary: 'Whether its database answers, too',
    answers: { '200': { description: 'OK', content: TEXT } },
  },
  'GET /version': {
    name: 'getVersion',
    tag: 'server',
    summary: 'The version of MLflow that it answers as; its own is in the header x-stockpot-version',
    answers: { '200': { description: 'The version', content: TEXT } },
  },
  'GET /metrics': {
    name: 'getMetrics',
    tag: 'server',
    summary: 'What it counts of itself',
    answers: { '200': { description: "In Prometheus' form", content: TEXT } },
  },
  'GET /openapi.json': {
    name: 'getOpenApi',
    tag: 'server',
    summary: 'This description',
    answers: { '200': { description: 'OpenAPI 3.1', content: { 'application/json': ANY_OBJECT } } },
  },
  'POST /v1/traces': {
    name: 'exportTraces',
    tag: 'traces',
    summary: "Takes spans as OpenTelemetry's exporters send them: an ExportTraceServiceRequest",
    headers: {
      'x-mlflow-experiment-id': required(text()),
      'x-mlflow-run-id': text(),
      'content-encoding': text(),
    },
    body: { 'application/x-protobuf': {}, 'application/json': ANY_OBJECT },
    answers: {
      '200': {
        description: 'All was taken: an empty ExportTraceServiceResponse, as the request was written',
        content: { 'application/x-protobuf': {}, 'application/json': ANY_OBJECT },
      },
    },
  },
  'GET /api/2.0/stockpot/runs/:run_id/events': {
    name: 'followRunEvents',
    tag: 'runs',
    summary: "The events of a recipe's run on the server's machine while it runs",
    query: { after: integer() },
    headers: { 'last-event-id': text() },
    answers: {
      '200': {
        description: 'Server-Sent Events until the run has finished',
        content: { 'text/event-stream': { schema: { type: 'string' } } },
      },
      '204': { description: 'It has finished, and there are no more of them' },
    },
  },
  [`POST ${SUBMISSIONS}`]: {
    name: 'submitRun',
    tag: 'submissions',
    summary: 'Submits a run of a recipe',
    body: { 'application/json': { schema: schemaOf(OFFER.fields) } },
    answers: { '200': SUBMISSION },
  },
  [`GET ${SUBMISSIONS}`]: {
    name: 'searchSubmissions',
    tag: 'submissions',
    summary: 'Submitted runs whose id begins so, three at most; without a beginning all those that go on',
    query: { start: text() },
    answers: { '200': { description: 'Those found', content: json({ submissions: LIST }) } },
  },
  [`GET ${SUBMISSIONS}/:id`]: {
    name: 'getSubmission',
    tag: 'submissions',
    summary: 'A submitted run as it is now',
    answers: { '200': SUBMISSION },
  },
  [`GET ${SUBMISSIONS}/:id/events`]: {
    name: 'getSubmissionEvents',
    tag: 'submissions',
    summary: 'What a submitted run said after an event of an epoch',
    query: { epoch: integer(), seq: integer(), limit: required(atMost(1000)) },
    answers: { '200': { description: 'Events, in order', content: json({ events: LIST }) } },
  },
  [`POST ${SUBMISSIONS}/:id/cancel`]: {
    name: 'cancelSubmission',
    tag: 'submissions',
    summary: 'Cancels a submitted run',
    body: { 'application/json': ANY_OBJECT },
    answers: {
      '200': {
        description: 'What came of it',
        content: json({ outcome: { enum: ['cancelled', 'told', 'ended'] } }),
      },
    },
  },
};
